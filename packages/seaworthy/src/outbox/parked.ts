import { type Envelope, parseEnvelope } from '../bus/envelope.ts';
import { dueAt } from '../store/due.ts';
import { ownedBy } from '../store/fenced.ts';
import type { Row, Tx, Value } from '../store/store.ts';
import type { FailedAttempt } from './history.ts';
import { parkedTopic } from './topics.ts';

/** Events of one consumer, topic and key are handled one after another. */
export interface OrderingKey {
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
}

/** The common part of a parked event and a dead letter. */
export interface Kept {
  readonly orderingKey: OrderingKey;
  /** The number of its mark, which grows in the order of publication within its key. */
  readonly arrival: number;
  readonly envelope: Envelope;
  /** How many attempts failed since the event arrived or was redriven. */
  readonly attempts: number;
  readonly history: readonly FailedAttempt[];
}

/** An event that waits for its next attempt, or behind an earlier event of its key. */
export interface Parked extends Kept {
  readonly seq: number;
  /** How many processes died while the event was in flight. */
  readonly crashes: number;
  /** An operator redrove the event, so that it is handled although it may have expired. */
  readonly redriven: boolean;
  /** The length of its text, in characters. */
  readonly size: number;
}

type Fresh = Kept & {
  readonly at: number;
  /** Undefined: the event waits behind an earlier event of its key. */
  readonly dueMs: number | undefined;
};

/** Reads the failed attempts; none where the column was overwritten: a lost history costs no event. */
export function historyOf(text: unknown): readonly FailedAttempt[] {
  try {
    const history: unknown = JSON.parse(String(text));
    return Array.isArray(history) ? (history as readonly FailedAttempt[]) : [];
  } catch {
    return [];
  }
}

/** Reads a row. Throws `EnvelopeInvalid` for a row that is not an event. */
export const parkedOf = (row: Row): Parked => ({
  seq: Number(row['seq']),
  orderingKey: {
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

export const eventValues = ({ orderingKey, arrival, envelope, attempts, history }: Kept, at: number): readonly Value[] => [
  orderingKey.consumer,
  envelope.id,
  orderingKey.topic,
  orderingKey.key,
  envelope.type,
  arrival,
  JSON.stringify(envelope),
  attempts,
  JSON.stringify(history),
  at,
];

export const parkingColumns = `${eventColumns}, due, owner, crashes, redriven`;

/**
 * Parks an event, and notifies those that may attempt it. It does nothing when the event is parked already: a repeat may come after the
 * mark of the first copy is gone.
 */
export async function park(tx: Tx, event: Fresh): Promise<void> {
  await tx.run(
    tx.dialect.insertNew({ table: 'sw_parked', columns: parkingColumns, key: 'consumer, event' }),
    ...eventValues(event, event.at),
    ...[event.dueMs === undefined ? null : dueAt(event.dueMs), '', 0, 0],
  );
  if (event.dueMs !== undefined) tx.notify(parkedTopic);
}

const sameKey = 'consumer = ? and topic = ? and ordering_key = ?';
const keyValues = ({ consumer, topic, key }: OrderingKey): readonly Value[] => [consumer, topic, key];
/** A table of its own, since not every engine lets an update select from what it changes. */
const firstOfKey = `(select seq from (select seq from sw_parked where ${sameKey} order by arrival, seq limit 1) as first)`;
const lastOfKey = `select seq from sw_parked where ${sameKey} order by arrival desc, seq desc limit 1`;
/** Each look finds what was committed since the one before. */
const mostLooks = 100;

/**
 * Returns whether an event of this key is parked: then the next one waits behind it. The parked one is changed, so that whoever settles
 * it, and makes the next one due, comes before this transaction or sees what it parks.
 */
export async function queueBehind(tx: Tx, orderingKey: OrderingKey): Promise<boolean> {
  for (let looks = 0; looks < mostLooks; looks++) {
    const [last] = await tx.all(lastOfKey, ...keyValues(orderingKey));
    if (!last) return false;
    const { changes } = await tx.run('update sw_parked set followers = followers + 1 where seq = ?', last['seq']);
    if (changes > 0) return true;
  }
  throw new Error(`the events of the key ${orderingKey.key} that are parked change faster than they can be read`);
}

/** Removes a parked event, in the transaction that settles it, and makes the next event of its key due. False when another process has it. */
export async function unpark(tx: Tx, { seq, orderingKey }: Parked, owner: string, now: number): Promise<boolean> {
  const { changes } = await tx.run(`delete from sw_parked where seq = ? and ${ownedBy}`, seq, owner);
  if (changes === 0) return false;
  await advance(tx, orderingKey, now);
  return true;
}

/** Makes the first event of a key due, unless it is due already. */
export async function advance(tx: Tx, orderingKey: OrderingKey, now: number): Promise<void> {
  const { changes } = await tx.run(
    `update sw_parked set due = ? where due is null and ${sameKey} and seq = ${firstOfKey}`,
    now,
    ...keyValues(orderingKey),
    ...keyValues(orderingKey),
  );
  // It may be an event that the code of another process subscribes to.
  if (changes > 0) tx.notify(parkedTopic);
}

/**
 * Makes the first event of a key the next one, also when it was parked after others. While an event of the key is in flight none is due:
 * the process that ends that attempt makes the first one due.
 */
export async function reorder(tx: Tx, orderingKey: OrderingKey, now: number): Promise<void> {
  await tx.run(
    `update sw_parked set due = null where ${sameKey} and owner = '' and due is not null and seq <> ${firstOfKey}`,
    ...keyValues(orderingKey),
    ...keyValues(orderingKey),
  );
  const inFlight = await tx.run(
    `update sw_parked set followers = followers + 1 where ${sameKey} and owner <> ''`,
    ...keyValues(orderingKey),
  );
  if (inFlight.changes === 0) await advance(tx, orderingKey, now);
}

/** Ends an attempt: the next one is due at `dueMs`, unless an earlier event of the key was redriven meanwhile. */
export async function postpone(tx: Tx, event: Parked, owner: string, dueMs: number, now: number): Promise<void> {
  const { seq, orderingKey, attempts, history } = event;
  const { changes } = await tx.run(
    `update sw_parked set attempts = ?, history = ?, due = ?, owner = '' where seq = ? and ${ownedBy}`,
    attempts,
    JSON.stringify(history),
    dueAt(dueMs),
    seq,
    owner,
  );
  if (changes === 0) return;
  await reorder(tx, orderingKey, now);
  // This process may be about to close.
  tx.notify(parkedTopic);
}
