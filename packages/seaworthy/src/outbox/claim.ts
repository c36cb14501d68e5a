import { textOf } from '../core/thrown.ts';
import { claim } from '../store/claim.ts';
import { isDue, isFar } from '../store/due.ts';
import type { Most } from '../store/read-some.ts';
import type { Fragment, Read, Tx } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { deadLetterRow } from './dead-letter.ts';
import { advance, type OrderingKey, type Parked, parkedColumns, parkedOf } from './parked.ts';

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

/** A row that is not an event. */
export interface Unreadable {
  readonly seq: number;
  readonly orderingKey: OrderingKey;
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

/** What there is to claim. */
export interface Work {
  /** When the next event is due that no process has in flight; `undefined` when there is none. */
  readonly next: number | undefined;
  /** An event's time is too far ahead: a wrong clock wrote it, and it is due. */
  readonly far: boolean;
  /** An event was in flight when its process died. */
  readonly orphaned: boolean;
}

/** Looks for events to claim, in one statement. */
export async function findWork(read: Read, { consumer, worker, now, longestMs, types, orphan }: Claiming): Promise<Work> {
  const [far, dead] = [isFar(now, longestMs), worker.dead()];
  const rows = await read.all(
    `select 'next' as what, due from (select due from sw_parked where consumer = ? and due is not null and ${known(types)} and owner = ''
        order by due limit 1) as first
      union all select 'far', due from (select due from sw_parked where consumer = ? and ${far.sql} and ${known(types)} and owner = ''
        limit 1) as far
      ${
        orphan
          ? `union all select 'orphan', due from (select due from sw_parked where owner <> '' and consumer = ? and ${known(types)} and ${dead.sql}
        limit 1) as orphan`
          : ''
      }`,
    ...[consumer, ...types],
    ...[consumer, ...far.values, ...types],
    ...(orphan ? [consumer, ...types, ...dead.values] : []),
  );
  const found = new Map(rows.map((row) => [row['what'], Number(row['due'])]));
  return { next: found.get('next'), far: found.has('far'), orphaned: found.has('orphan') };
}

const free = { sql: "owner = ''", values: [] };

/** Claims parked events. No other worker attempts them until this one releases them or dies. */
export async function claimParked(
  tx: Tx,
  { next, far, orphaned }: Work,
  { consumer, worker, now, longestMs, types }: Claiming,
  most: Most,
): Promise<Claimed> {
  const unreadable: Unreadable[] = [];

  /** Returns the claimed rows that are events. */
  async function claimed(owner: Fragment, due: Fragment | undefined, died: number, some: Most): Promise<readonly Parked[]> {
    const rows = await claim(
      tx,
      {
        table: 'sw_parked',
        key: ['seq'],
        live: { sql: `consumer = ? and ${known(types)}`, values: [consumer, ...types] },
        due,
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
      try {
        events.push(parkedOf(row));
      } catch (error) {
        const orderingKey = { consumer, topic: String(row['topic']), key: String(row['ordering_key']) };
        unreadable.push({ seq: Number(row['seq']), orderingKey, id: String(row['event']), type: String(row['type']), error });
      }
    }
    return events;
  }

  const dead = worker.dead();
  const others = { sql: `owner <> '' and ${dead.sql}`, values: dead.values };
  const [suspect] = orphaned ? await claimed(others, undefined, 1, { ...most, rows: Math.min(1, most.rows) }) : [];
  const rest = { ...most, rows: most.rows - (suspect ? 1 : 0) };
  const isNext = next !== undefined && next <= now;
  const events = isNext || far ? await claimed(free, isNext ? isDue(now) : isFar(now, longestMs), 0, rest) : [];
  return { events, orphan: suspect, unreadable };
}

/** Makes a claimed row that is not an event a dead letter, unchanged, so that those behind it go on. */
export async function deadLetterUnreadable(tx: Tx, { seq, orderingKey, error }: Unreadable, now: number): Promise<void> {
  await deadLetterRow(tx, seq, 'unreadable', textOf(error), now);
  await advance(tx, orderingKey, now);
}

/** Releases what this worker has claimed, except for the rows that it knows of: after a commit whose outcome is unknown. */
export async function release(tx: Tx, consumer: string, worker: Worker, known: readonly number[]): Promise<void> {
  const others = known.length > 0 ? ` and seq not in (${known.map(() => '?').join()})` : '';
  await tx.run(`update sw_parked set owner = '' where consumer = ? and owner = ?${others}`, consumer, worker.id, ...known);
}
