import { type Envelope, parseEnvelope } from '../bus/envelope.ts';
import { dueAt } from '../store/due.ts';
import type { Row, Tx, Value } from '../store/store.ts';
import type { FailedAttempt } from './history.ts';

/** Whose order an event keeps: events of one topic with one key are handled one after another. */
export interface Line {
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
}

/** What a parked event and a dead letter have in common. */
export interface Kept {
  readonly line: Line;
  /** Its place in its line, in the order of publication. */
  readonly arrival: number;
  readonly envelope: Envelope;
  /** How many attempts failed since it came or was redriven. */
  readonly attempts: number;
  readonly history: readonly FailedAttempt[];
}

/** An event of which an attempt failed, or one that waits behind such a one. */
export interface Parked extends Kept {
  readonly seq: number;
  /** How many processes died while they had it in hand. */
  readonly crashes: number;
  /** Somebody decided that it shall be handled, however late it is. */
  readonly redriven: boolean;
  /** Of its text, in characters. */
  readonly size: number;
}

type Fresh = Kept & {
  readonly at: number;
  /** Undefined: behind an earlier event of its line. */
  readonly dueMs: number | undefined;
};

/** The failed attempts, or none where somebody overwrote them: an event is not given up for its history. */
export function historyOf(text: unknown): readonly FailedAttempt[] {
  try {
    const history: unknown = JSON.parse(String(text));
    return Array.isArray(history) ? (history as readonly FailedAttempt[]) : [];
  } catch {
    return [];
  }
}

/** Throws `EnvelopeInvalid` for a row that is no event. */
export const parkedOf = (row: Row): Parked => ({
  seq: Number(row['seq']),
  line: {
    consumer: String(row['consumer']),
    topic: String(row['topic']),
    key: String(row['ordering_key']),
  },
  arrival: Number(row['arrival']),
  envelope: parseEnvelope(String(row['envelope'])),
  attempts: Number(row['attempts']) || 0,
  history: historyOf(row['history']),
  crashes: Number(row['crashes']) || 0,
  redriven: Number(row['redriven']) === 1,
  size: String(row['envelope']).length,
});

/** The columns that `parkedOf` reads. */
export const parkedColumns = 'seq, consumer, event, topic, ordering_key, type, arrival, envelope, attempts, history, crashes, redriven';

/** The columns that a parked event and a dead letter share, in the order of `eventValues`. */
export const eventColumns = 'consumer, event, topic, ordering_key, type, arrival, envelope, attempts, history, at';

export const eventValues = ({ line, arrival, envelope, attempts, history }: Kept, at: number): readonly Value[] => [
  line.consumer,
  envelope.id,
  line.topic,
  line.key,
  envelope.type,
  arrival,
  JSON.stringify(envelope),
  attempts,
  JSON.stringify(history),
  at,
];

export const parkingColumns = `${eventColumns}, due, owner, crashes, redriven`;

/** Does nothing when it is parked already: a repeat may outlive the mark of the first copy. */
export async function park(tx: Tx, event: Fresh): Promise<void> {
  await tx.run(
    tx.dialect.insertNew({ table: 'sw_parked', columns: parkingColumns, key: 'consumer, event' }),
    ...eventValues(event, event.at),
    ...[event.dueMs === undefined ? null : dueAt(event.dueMs), '', 0, 0],
  );
}

const inLine = 'consumer = ? and topic = ? and ordering_key = ?';
const lineValues = ({ consumer, topic, key }: Line): readonly Value[] => [consumer, topic, key];
const firstInLine = `(select seq from sw_parked where ${inLine} order by arrival, seq limit 1)`;

/** Whether an event of this line is parked: then every later one waits behind it. */
export async function isHeld(tx: Tx, line: Line): Promise<boolean> {
  const rows = await tx.all(`select 1 as held from sw_parked where ${inLine} limit 1`, ...lineValues(line));
  return rows.length > 0;
}

/** Ends its parking, with the transaction that settles it, and makes the next of its line due. False when another has it. */
export async function unpark(tx: Tx, { seq, line }: Parked, owner: string, now: number): Promise<boolean> {
  const { changes } = await tx.run('delete from sw_parked where seq = ? and owner = ?', seq, owner);
  if (changes === 0) return false;
  await advance(tx, line, now);
  return true;
}

/** Makes the first of a line due, if it was not yet. */
export async function advance(tx: Tx, line: Line, now: number): Promise<void> {
  await tx.run(`update sw_parked set due = ? where due is null and seq = ${firstInLine}`, now, ...lineValues(line));
}

/**
 * Lets the first of a line go first, also when it came to it after others. Does nothing while one of the line is in hand: whoever
 * lets go of that one sees to it.
 */
export async function reorder(tx: Tx, line: Line, now: number): Promise<void> {
  const inHand = await tx.all(`select 1 as taken from sw_parked where ${inLine} and owner <> '' limit 1`, ...lineValues(line));
  if (inHand.length > 0) return;
  await tx.run(
    `update sw_parked set due = null where ${inLine} and due is not null and seq <> ${firstInLine}`,
    ...lineValues(line),
    ...lineValues(line),
  );
  await advance(tx, line, now);
}

/** Lets go of it: the next attempt is due at `dueMs`, unless an earlier event of its line was redriven meanwhile. */
export async function postpone(tx: Tx, event: Parked, owner: string, dueMs: number, now: number): Promise<void> {
  const { seq, line, attempts, history } = event;
  const { changes } = await tx.run(
    `update sw_parked set attempts = ?, history = ?, due = ?, owner = '' where seq = ? and owner = ?`,
    attempts,
    JSON.stringify(history),
    dueAt(dueMs),
    seq,
    owner,
  );
  if (changes > 0) await reorder(tx, line, now);
}
