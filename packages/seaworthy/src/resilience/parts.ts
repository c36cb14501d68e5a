import { type Duration, milliseconds } from '../core/duration.ts';
import type { Breaker } from './breaker.ts';
import type { Bulkhead } from './bulkhead.ts';
import type { Retry } from './retry.ts';

/** A bound on the whole, over all attempts and waits. */
export interface DeadlinePart {
  readonly kind: 'deadline';
  readonly ms: number;
}
/** A bound on each attempt. */
export interface TimeoutPart {
  readonly kind: 'timeout';
  readonly ms: number;
}
/** What to answer when all else failed. */
export interface FallbackPart<F> {
  readonly kind: 'fallback';
  readonly value: (error: unknown) => F | PromiseLike<F>;
}

/** The parts of a policy, in whatever order they are given. */
export type Part<F = unknown> = DeadlinePart | TimeoutPart | FallbackPart<F> | Retry | Breaker | Bulkhead;

/** Bounds the whole of the work: all attempts, waits and queues. */
export const deadline = (duration: Duration): DeadlinePart => ({ kind: 'deadline', ms: milliseconds(duration, 'deadline') });

/** Bounds one attempt; never beyond the deadline. Runs out at most 10 ms late. */
export const timeout = (duration: Duration): TimeoutPart => ({ kind: 'timeout', ms: milliseconds(duration, 'timeout') });

/** Answers with what `value` makes of the last error. Not when the caller has left: nobody would get it. */
export const fallback = <F>(value: (error: unknown) => F | PromiseLike<F>): FallbackPart<F> => ({ kind: 'fallback', value });
