import { type Duration, milliseconds } from '../core/duration.ts';
import type { Breaker } from './breaker.ts';
import type { Bulkhead } from './bulkhead.ts';
import type { Retry } from './retry.ts';

/** The bound of a policy on the whole call: all attempts, waits and queues. */
export interface DeadlinePart {
  readonly kind: 'deadline';
  readonly ms: number;
}
/** The bound of a policy on each attempt. */
export interface TimeoutPart {
  readonly kind: 'timeout';
  readonly ms: number;
}
/** The answer of a policy when its last attempt has failed. */
export interface FallbackPart<F> {
  readonly kind: 'fallback';
  readonly value: (error: unknown) => F | PromiseLike<F>;
}

/** A part of a policy. */
export type PolicyPart<F = unknown> = DeadlinePart | TimeoutPart | FallbackPart<F> | Retry | Breaker | Bulkhead;

/** Bounds the whole call: all attempts, waits and queues. Throws `DurationInvalid`. */
export const deadline = (duration: Duration): DeadlinePart => ({ kind: 'deadline', ms: milliseconds(duration, 'deadline') });

/** Bounds one attempt. It expires at most 10 ms late, and never after the deadline. Throws `DurationInvalid`. */
export const timeout = (duration: Duration): TimeoutPart => ({ kind: 'timeout', ms: milliseconds(duration, 'timeout') });

/** Answers with the result of `value` when the last attempt has failed, unless the caller has aborted. */
export const fallback = <F>(value: (error: unknown) => F | PromiseLike<F>): FallbackPart<F> => ({ kind: 'fallback', value });
