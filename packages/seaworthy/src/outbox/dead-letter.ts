import type { UnreadableMessage } from '../bus/bus.ts';
import type { Tx } from '../store/store.ts';
import type { Arrived } from './inbox.ts';
import { eventColumns, eventValues, type Kept } from './parked.ts';

/**
 * Why an event is in the dead letters. `failed`: its attempts are used up. `poison`: its data breaks the contract. `expired`: it came
 * too late. `unhandled`: no process of the consumer subscribes to it. `crashed`: processes died while they had it in hand.
 * `unreadable`: the message, or its row, is not an event.
 */
export type Reason = 'failed' | 'poison' | 'expired' | 'unhandled' | 'crashed' | 'unreadable';

const letter = {
  table: 'sw_dead_letter',
  columns: `${eventColumns}, reason, error`,
  key: 'consumer, event',
  set: 'arrival, envelope, attempts, history, at, reason, error',
};

/** Puts an event into the dead letters, with the transaction that ends its way through the inbox. */
export async function bury(tx: Tx, event: Kept, reason: Reason, now: number): Promise<void> {
  const last = event.history.at(-1)?.error;
  await tx.run(tx.dialect.upsert(letter), ...eventValues(event, now), reason, last ? `${last.name}: ${last.message}` : '');
}

/** The type of a message that is not an event: what it should have been is not known. */
const unknownType = 'unreadable';

/** Puts a message that is not an event into the dead letters, with its text. */
export async function buryMessage(
  tx: Tx,
  { consumer, topic, event }: Arrived,
  arrival: number,
  { key, text, error }: UnreadableMessage,
  now: number,
): Promise<void> {
  // No database keeps U+0000 everywhere.
  const [line, body] = [key, text].map((value) => value.replaceAll('\0', '\ufffd')) as [string, string];
  const values = [consumer, event, topic, line, unknownType, arrival, body, 0, '[]', now, 'unreadable', `${error.name}: ${error.message}`];
  await tx.run(tx.dialect.upsert(letter), ...values);
}

/** Puts a parked row into the dead letters as it is, whether it can be read or not. */
export async function buryRow(tx: Tx, seq: number, reason: Reason, error: string, now: number): Promise<void> {
  await tx.run(
    tx.dialect.upsert({
      ...letter,
      from: `select consumer, event, topic, ordering_key, type, arrival, envelope, attempts, history, ?, ?, ? from sw_parked where seq = ?`,
    }),
    now,
    reason,
    error,
    seq,
  );
  await tx.run('delete from sw_parked where seq = ?', seq);
}
