import { textOf } from '../core/thrown.ts';
import { claim } from '../store/claim.ts';
import { isDue } from '../store/due.ts';
import type { Most } from '../store/read-some.ts';
import type { Fragment, Read, Tx } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { deadLetterRow } from './dead-letter.ts';
import { advance, type Parked, parkedColumns, parkedOf } from './parked.ts';

/** Which parked events a process may claim. */
export interface Claiming {
  readonly consumer: string;
  readonly worker: Worker;
  readonly now: number;
  /** No event is parked for longer, in milliseconds. */
  readonly longestMs: number;
  /** The types that the code of this process subscribes to. */
  readonly types: readonly string[];
  /** Whether one event may be claimed that was in flight when its process died: it may be the cause, so it is attempted alone. */
  readonly orphan: boolean;
}

/** A row that is not an event and was moved unchanged to the dead letters. */
export interface Unreadable {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly error: unknown;
}

export interface Claimed {
  readonly events: readonly Parked[];
  /** An event that was in flight when its process died. */
  readonly orphan: Parked | undefined;
  readonly unreadable: readonly Unreadable[];
}

const known = (types: readonly string[]): string => `type in (${types.map(() => '?').join(', ')})`;

/** Returns when the next event is due that no process has in flight; `undefined` when there is none. */
export async function nextDue(read: Read, { consumer, worker, now, longestMs, types, orphan }: Claiming): Promise<number | undefined> {
  const { sql, values } = worker.dead();
  const free = `${known(types)} and ${orphan ? sql : "owner = ''"}`;
  const freeValues = [...types, ...(orphan ? values : [])];
  const [row] = await read.all(
    `select due from sw_parked where consumer = ? and due is not null and ${free} order by due limit 1`,
    consumer,
    ...freeValues,
  );
  if (!row || Number(row['due']) <= now) return row && Number(row['due']);
  // An event whose time is too far ahead was parked by a wrong clock: it comes last in this order, and is due.
  const far = await read.all(
    `select due from sw_parked where consumer = ? and due > ? and ${free} limit 1`,
    consumer,
    now + longestMs,
    ...freeValues,
  );
  return far.length > 0 ? now : Number(row['due']);
}

const free = { sql: "owner = ''", values: [] };

/** Claims parked events that are due. No other worker attempts them until this one releases them or dies. */
export async function claimParked(tx: Tx, { consumer, worker, now, longestMs, types, orphan }: Claiming, most: Most): Promise<Claimed> {
  const dead = worker.dead();
  const orphaned = { sql: `owner <> '' and ${dead.sql}`, values: dead.values };
  const unreadable: Unreadable[] = [];

  /** Returns the claimed rows as events. A row that is not an event becomes a dead letter, and those behind it go on. */
  async function claimed(owner: Fragment, died: number, some: Most): Promise<readonly Parked[]> {
    const rows = await claim(
      tx,
      {
        table: 'sw_parked',
        key: ['seq'],
        live: { sql: `consumer = ? and ${known(types)}`, values: [consumer, ...types] },
        due: isDue(now, longestMs),
        owner,
        worker: worker.id,
        set: { sql: 'crashes = crashes + ?', values: [died] },
        columns: parkedColumns,
        size: 'octet_length(envelope) + octet_length(history)',
      },
      some,
    );
    const events: Parked[] = [];
    for (const row of rows) {
      const seq = Number(row['seq']);
      try {
        events.push(parkedOf(row));
      } catch (error) {
        await deadLetterRow(tx, seq, 'unreadable', textOf(error), now);
        await advance(tx, { consumer, topic: String(row['topic']), key: String(row['ordering_key']) }, now);
        unreadable.push({ seq, id: String(row['event']), type: String(row['type']), error });
      }
    }
    return events;
  }

  const [suspect] = orphan ? await claimed(orphaned, 1, { ...most, rows: Math.min(1, most.rows) }) : [];
  const events = await claimed(free, 0, { ...most, rows: most.rows - (suspect ? 1 : 0) });
  return { events, orphan: suspect, unreadable };
}

/** Releases what this worker has claimed, except for the rows that it knows of: after a commit whose outcome is unknown. */
export async function release(tx: Tx, consumer: string, worker: Worker, known: readonly number[]): Promise<void> {
  const others = known.length > 0 ? ` and seq not in (${known.map(() => '?').join()})` : '';
  await tx.run(`update sw_parked set owner = '' where consumer = ? and owner = ?${others}`, consumer, worker.id, ...known);
}
