import { isDue } from '../store/due.ts';
import { type Most, readSome } from '../store/read-some.ts';
import type { Read, Row, Tx, Value } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { buryRow } from './dead-letter.ts';
import { advance, type Parked, parkedColumns, parkedOf } from './parked.ts';

/** Which parked events a process may take into its hand. */
export interface Claiming {
  readonly consumer: string;
  readonly worker: Worker;
  readonly now: number;
  /** Nobody parks an event for longer. */
  readonly longestMs: number;
  /** Those that its code subscribes to. */
  readonly types: readonly string[];
  /** Also one that a dead process had in hand: it may be what killed it, so it is attempted alone. */
  readonly orphan: boolean;
}

/** A row that is no event; it is among the dead letters now, as it was. */
export interface Unreadable {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly error: unknown;
}

export interface Claimed {
  readonly events: readonly Parked[];
  /** One that a dead process had in hand. */
  readonly orphan: Parked | undefined;
  readonly unreadable: readonly Unreadable[];
}

const known = (types: readonly string[]): string => `type in (${types.map(() => '?').join(', ')})`;

/** When the next one is due that nobody has in hand; undefined when there is none. */
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
  // One whose time nobody can have meant comes last in their order, and is due.
  const far = await read.all(
    `select due from sw_parked where consumer = ? and due > ? and ${free} limit 1`,
    consumer,
    now + longestMs,
    ...freeValues,
  );
  return far.length > 0 ? now : Number(row['due']);
}

/** Takes those that are due into this worker's hand. Until it lets go, or dies, no other attempts them. */
export async function claim(tx: Tx, { consumer, worker, now, longestMs, types, orphan }: Claiming, most: Most): Promise<Claimed> {
  const ready = isDue(now, longestMs);
  const due = async (owned: string, values: readonly Value[], some: Most): Promise<readonly Row[]> => {
    const selection = {
      columns: parkedColumns,
      size: 'octet_length(envelope) + octet_length(history)',
      from: `sw_parked where consumer = ? and ${ready.sql} and ${known(types)} and ${owned} order by due`,
      values: [consumer, ...ready.values, ...types, ...values],
    };
    return (await readSome(tx, selection, some)).rows;
  };
  const { sql, values } = worker.dead();
  const orphans = orphan ? await due(`owner <> '' and ${sql}`, values, { ...most, rows: 1 }) : [];
  const free = most.rows > orphans.length ? await due(`owner = ''`, [], { ...most, rows: most.rows - orphans.length }) : [];
  const unreadable: Unreadable[] = [];
  /** As events; what is none goes to the dead letters, and those behind it go on. */
  const taken = async (rows: readonly Row[], died: number): Promise<readonly Parked[]> => {
    const events: Parked[] = [];
    for (const row of rows) {
      const seq = Number(row['seq']);
      try {
        const event = parkedOf(row);
        await tx.run('update sw_parked set owner = ?, crashes = crashes + ? where seq = ?', worker.id, died, seq);
        events.push({ ...event, crashes: event.crashes + died });
      } catch (error) {
        await buryRow(tx, seq, 'unreadable', `${(error as Error).message}`, now);
        await advance(tx, { consumer, topic: String(row['topic']), key: String(row['ordering_key']) }, now);
        unreadable.push({ seq, id: String(row['event']), type: String(row['type']), error });
      }
    }
    return events;
  };
  const [suspect] = await taken(orphans, 1);
  return { events: await taken(free, 0), orphan: suspect, unreadable };
}

/** Lets go of what this worker has claimed, but for what it knows that it has: after a commit of which nobody heard. */
export async function release(tx: Tx, consumer: string, worker: Worker, known: readonly number[]): Promise<void> {
  await tx.run(
    `update sw_parked set owner = '' where consumer = ? and owner = ? and seq not in (${known.map(() => '?').join()})`,
    consumer,
    worker.id,
    ...known,
  );
}
