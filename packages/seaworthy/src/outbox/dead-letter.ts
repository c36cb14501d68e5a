import type { UnreadableMessage } from '../bus/bus.ts';
import type { Tx } from '../store/store.ts';
import type { Arrived } from './inbox.ts';
import { eventColumns, eventValues, type Kept } from './parked.ts';

/**
 * Why an event is a dead letter. `failed`: no attempt is left. `poison`: its data breaks the contract. `expired`: its `notafter` has
 * passed. `unhandled`: no process of the consumer subscribes to it. `crashed`: too many processes died while it was in flight.
 * `unreadable`: the message, or its row, is not an event.
 */
export type Reason = 'failed' | 'poison' | 'expired' | 'unhandled' | 'crashed' | 'unreadable';

const deadLetters = {
  table: 'sw_dead_letter',
  columns: `${eventColumns}, reason, error`,
  key: 'consumer, event',
  set: 'arrival, envelope, attempts, history, at, reason, error',
};

/** Puts an event into the dead letters, in the transaction that settles it. */
export async function deadLetter(tx: Tx, event: Kept, reason: Reason, now: number): Promise<void> {
  const last = event.history.at(-1)?.error;
  await tx.run(tx.dialect.upsert(deadLetters), ...eventValues(event, now), reason, last ? `${last.name}: ${last.message}` : '');
}

/** The type of a dead letter whose message is not an event. */
const unknownType = 'unreadable';

/** Puts a message that is not an event into the dead letters, with its text. */
export async function deadLetterMessage(
  tx: Tx,
  { consumer, topic, event }: Arrived,
  arrival: number,
  { key, text, error }: UnreadableMessage,
  now: number,
): Promise<void> {
  // No database keeps U+0000 everywhere.
  const [orderingKey, body] = [key, text].map((value) => value.replaceAll('\0', '\ufffd')) as [string, string];
  const values = [
    consumer,
    event,
    topic,
    orderingKey,
    unknownType,
    arrival,
    body,
    0,
    '[]',
    now,
    'unreadable',
    `${error.name}: ${error.message}`,
  ];
  await tx.run(tx.dialect.upsert(deadLetters), ...values);
}

/** Moves a parked row into the dead letters unchanged, whether it is an event or not. */
export async function deadLetterRow(tx: Tx, seq: number, reason: Reason, error: string, now: number): Promise<void> {
  await tx.run(
    tx.dialect.upsert({
      ...deadLetters,
      from: `select consumer, event, topic, ordering_key, type, arrival, envelope, attempts, history, ?, ?, ? from sw_parked where seq = ?`,
    }),
    now,
    reason,
    error,
    seq,
  );
  await tx.run('delete from sw_parked where seq = ?', seq);
}
