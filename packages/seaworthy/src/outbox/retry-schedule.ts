import { milliseconds } from '../core/duration.ts';
import type { Random } from '../core/random.ts';
import { type RetryOptions, retry } from '../resilience/retry.ts';

/** How often an event is attempted, and how long it is parked between two attempts. */
export type RetryScheduleOptions = Pick<RetryOptions, 'attempts' | 'base' | 'cap'>;

export interface RetrySchedule {
  /** No wait is longer, in milliseconds. */
  readonly longestMs: number;
  /** Returns the milliseconds to wait after the `failed`th failed attempt; `undefined` when no attempt is left. */
  waitMs(failed: number, random: Random): number | undefined;
}

/** Makes a schedule. Default: 5 attempts in all; up to 1 s after the first, doubling up to 1 min, with full jitter. */
export function retrySchedule({ attempts = 5, base = '1s', cap = '1m' }: RetryScheduleOptions = {}): RetrySchedule {
  const policy = retry({ attempts, base, cap, when: () => true });
  return {
    longestMs: milliseconds(cap, 'retry cap'),
    // A `Retry-After` is for callers that wait: nobody waits for a parked event.
    waitMs: (failed, random) => policy.waitMs(failed, undefined, random),
  };
}
