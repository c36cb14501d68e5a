import type { Span } from '../core/observe.ts';
import type { Tx } from '../store/store.ts';
import type { AttemptOutcome } from './attempt-span.ts';
import type { Consuming } from './consuming.ts';
import type { Reason } from './dead-letter.ts';
import { recordedError, withAttempt } from './history.ts';
import type { Kept } from './parked.ts';

/** A failed attempt at an event. */
export interface Failure<E extends Kept> {
  /** The event as it was before the attempt. */
  readonly event: E;
  readonly error: unknown;
  /** Why the event is not attempted again; `undefined` while attempts are left. */
  readonly refused: Reason | undefined;
  readonly span: Span;
}

/** Writes what follows from a failure: a first delivery leaves a mark in the inbox, and a parked event has a row already. */
export interface Outcome<E extends Kept> {
  write(work: (tx: Tx) => Promise<string>): Promise<string>;
  /** Returns `parked`, or another outcome where another process has settled the event meanwhile. */
  park(tx: Tx, event: E, dueMs: number, now: number): Promise<string>;
  /** Returns `dead_letter`, or another outcome where another process has settled the event meanwhile. */
  deadLetter(tx: Tx, event: E, reason: Reason, now: number): Promise<string>;
}

/** Parks an event for its next attempt, or makes it a dead letter when it was refused or no attempt is left. */
export async function settleFailure<E extends Kept>(
  { runtime, service, schedule }: Pick<Consuming<unknown>, 'runtime' | 'service' | 'schedule'>,
  { event, error, refused, span }: Failure<E>,
  { write, park, deadLetter }: Outcome<E>,
): Promise<AttemptOutcome> {
  const { clock, random, observe } = runtime;
  const now = clock.now();
  const attempts = event.attempts + 1;
  const history = withAttempt(event.history, { attempt: attempts, at: now, error: recordedError(error) });
  const failed = { ...event, attempts, history };
  const waitMs = refused ? undefined : schedule.waitMs(attempts, random);
  const point = waitMs === undefined ? 'dead-letter' : 'park';
  const reason = refused ?? 'failed';
  runtime.reached(`inbox/${point}/before`);
  const outcome = await write((tx) => (waitMs === undefined ? deadLetter(tx, failed, reason, now) : park(tx, failed, now + waitMs, now)));
  runtime.reached(`inbox/${point}/after`);
  const { type, id } = event.envelope;
  const message = { parked: `${type} was parked`, dead_letter: `${type} became a dead letter` }[outcome];
  if (message !== undefined) observe.log('warn', message, { id, service, reason, attempts, error }, span.trace);
  return [outcome, error];
}
