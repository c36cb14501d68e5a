import type { Envelope } from '../bus/envelope.ts';
import { isDue } from '../store/due.ts';
import type { Row, Tx, Value } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import type { FailedAttempt } from './history.ts';

/** Whose order an event keeps: events of one topic with one key are handled one after another. */
export interface Line {
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
}

/** An event of which an attempt failed, or one that waits behind such a one. */
export interface Parked {
  readonly seq: number;
  readonly line: Line;
  readonly envelope: Envelope;
  /** How many attempts failed since it came or was redriven. */
  readonly attempts: number;
  readonly history: readonly FailedAttempt[];
}

type Fresh = Omit<Parked, 'seq'> & {
  readonly at: number /** Undefined: behind an earlier event of its line. */;
  readonly dueMs: number | undefined;
};

const parkedOf = (row: Row): Parked => ({
  seq: Number(row['seq']),
  line: {
    consumer: String(row['consumer']),
    topic: String(row['topic']),
    key: String(row['key']),
  },
  envelope: JSON.parse(String(row['envelope'])) as Envelope,
  attempts: Number(row['attempts']),
  history: JSON.parse(String(row['history'])) as readonly FailedAttempt[],
});

/** The columns that a parked event and a dead letter share, in the order of `eventValues`. */
export const eventColumns = 'consumer, event, topic, key, type, envelope, attempts, history, at';

export const eventValues = ({ line, envelope, attempts, history }: Omit<Parked, 'seq'>, at: number): readonly Value[] => [
  line.consumer,
  envelope.id,
  line.topic,
  line.key,
  envelope.type,
  JSON.stringify(envelope),
  attempts,
  JSON.stringify(history),
  at,
];

/** Does nothing when it is parked already: a repeat may outlive the mark of the first copy. */
export async function park(tx: Tx, event: Fresh): Promise<void> {
  await tx.run(
    `insert into sw_parked (${eventColumns}, due, owner) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')
      on conflict (consumer, event) do nothing`,
    ...eventValues(event, event.at),
    event.dueMs ?? null,
  );
}

/** Whether an event of this line is parked: then every later one waits behind it. */
export async function isHeld(tx: Tx, { consumer, topic, key }: Line): Promise<boolean> {
  const rows = await tx.all('select 1 as held from sw_parked where consumer = ? and topic = ? and key = ? limit 1', consumer, topic, key);
  return rows.length > 0;
}

/** What of a consumer's is due, for whom and by which clock. */
export interface Wanted {
  readonly consumer: string;
  readonly worker: Worker;
  readonly now: number;
  /** Nobody parks an event for longer. */
  readonly longestMs: number;
}

/** When the next one is due that nobody has in hand; undefined when there is none. */
export async function nextDue(read: Pick<Tx, 'all'>, { consumer, worker, now, longestMs }: Wanted): Promise<number | undefined> {
  const { sql, values } = worker.dead();
  const [row] = await read.all(
    `select due from sw_parked where consumer = ? and due is not null and ${sql} order by due limit 1`,
    consumer,
    ...values,
  );
  if (!row || Number(row['due']) <= now) return row && Number(row['due']);
  // One whose time nobody can have meant comes last in their order, and is due.
  const far = await read.all(
    `select due from sw_parked where consumer = ? and due > ? and ${sql} limit 1`,
    consumer,
    now + longestMs,
    ...values,
  );
  return far.length > 0 ? now : Number(row['due']);
}

/** Takes up to `limit` that are due into this worker's hand. Until it lets go, or dies, no other attempts them. */
export async function claim(tx: Tx, { consumer, worker, now, longestMs }: Wanted, limit: number): Promise<readonly Parked[]> {
  const due = isDue(now, longestMs);
  const { sql, values } = worker.dead();
  const rows = await tx.all(
    `select * from sw_parked where consumer = ? and ${due.sql} and ${sql} order by due limit ?`,
    consumer,
    ...due.values,
    ...values,
    limit,
  );
  for (const row of rows) await tx.run('update sw_parked set owner = ? where seq = ?', worker.id, row['seq']);
  return rows.map(parkedOf);
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

/** Ends its parking, with the transaction that settles it, and makes the next of its line due. False when another has it. */
export async function unpark(tx: Tx, { seq, line }: Parked, worker: Worker, now: number): Promise<boolean> {
  const { changes } = await tx.run('delete from sw_parked where seq = ? and owner = ?', seq, worker.id);
  if (changes === 0) return false;
  await advance(tx, line, now);
  return true;
}

/** Makes the first of a line due, if it was not yet. */
export async function advance(tx: Tx, { consumer, topic, key }: Line, now: number): Promise<void> {
  await tx.run(
    `update sw_parked set due = ? where due is null and seq =
      (select min(seq) from sw_parked where consumer = ? and topic = ? and key = ?)`,
    now,
    consumer,
    topic,
    key,
  );
}

/** Lets go of it: the next attempt is due at `dueMs`. */
export async function postpone(tx: Tx, { seq, attempts, history }: Parked, worker: Worker, dueMs: number): Promise<void> {
  await tx.run(
    `update sw_parked set attempts = ?, history = ?, due = ?, owner = '' where seq = ? and owner = ?`,
    attempts,
    JSON.stringify(history),
    dueMs,
    seq,
    worker.id,
  );
}
