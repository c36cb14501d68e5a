import type { Tx } from '../store/store.ts';
import type { Refusal } from './attempt.ts';
import { eventColumns, eventValues, type Parked } from './parked.ts';

/** Why an event is in the dead letters: its attempts are used up, or it could not be attempted at all. */
export type Reason = 'failed' | Refusal;

/** Puts an event into the dead letters, with the transaction that ends its way through the inbox. */
export async function bury(tx: Tx, event: Omit<Parked, 'seq'>, reason: Reason, now: number): Promise<void> {
  const last = event.history.at(-1)?.error;
  await tx.run(
    `insert into sw_dead_letter (${eventColumns}, reason, error) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      on conflict (consumer, event) do update set envelope = excluded.envelope, attempts = excluded.attempts,
        history = excluded.history, at = excluded.at, reason = excluded.reason, error = excluded.error`,
    ...eventValues(event, now),
    reason,
    last ? `${last.name}: ${last.message}` : '',
  );
}
