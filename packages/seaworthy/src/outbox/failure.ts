import type { Span } from '../core/observe.ts';
import type { Tx } from '../store/store.ts';
import type { Consuming } from './consuming.ts';
import type { Reason } from './dead-letter.ts';
import { recordedError, withAttempt } from './history.ts';
import type { Kept } from './parked.ts';
import type { Processed } from './process.ts';

/** A failed attempt at an event. */
export interface Failure<E extends Kept> {
  /** As it was before the attempt. */
  readonly event: E;
  readonly error: unknown;
  /** Why it is not attempted again; undefined while attempts are left. */
  readonly refused: Reason | undefined;
  readonly span: Span;
}

/** How the outcome is written: a first delivery leaves a mark in the inbox, a parked event has a row already. */
export interface Outcome<E extends Kept> {
  write(work: (tx: Tx) => Promise<string>): Promise<string>;
  /** Returns `parked`, or another outcome where another process has settled the event meanwhile. */
  park(tx: Tx, event: E, dueMs: number, now: number): Promise<string>;
  /** Returns `buried`, or another outcome where another process has settled the event meanwhile. */
  bury(tx: Tx, event: E, reason: Reason, now: number): Promise<string>;
}

/** Parks an event for its next attempt or, when its attempts are used up or it was refused, puts it into the dead letters. */
export async function settleFailure<E extends Kept>(
  { runtime, service, ladder }: Pick<Consuming<unknown>, 'runtime' | 'service' | 'ladder'>,
  { event, error, refused, span }: Failure<E>,
  { write, park, bury }: Outcome<E>,
): Promise<Processed> {
  const { clock, random, observe } = runtime;
  const now = clock.now();
  const attempts = event.attempts + 1;
  const history = withAttempt(event.history, { attempt: attempts, at: now, error: recordedError(error) });
  const failed = { ...event, attempts, history };
  const waitMs = refused ? undefined : ladder.waitMs(attempts, random);
  const point = waitMs === undefined ? 'bury' : 'park';
  const reason = refused ?? 'failed';
  runtime.reached(`inbox/${point}/before`);
  const outcome = await write((tx) => (waitMs === undefined ? bury(tx, failed, reason, now) : park(tx, failed, now + waitMs, now)));
  runtime.reached(`inbox/${point}/after`);
  const { type, id } = event.envelope;
  if (outcome === 'parked' || outcome === 'buried')
    observe.log('warn', `${type} was ${outcome}`, { id, service, reason, attempts, error }, span.trace);
  return [outcome, error];
}
