import { milliseconds } from '../core/duration.ts';
import type { Random } from '../core/random.ts';
import { type RetryOptions, retry } from '../resilience/retry.ts';

/** How often an event is attempted, and how long it is parked in between. */
export type LadderOptions = Pick<RetryOptions, 'attempts' | 'base' | 'cap'>;

export interface Ladder {
  /** No wait is longer. */
  readonly longestMs: number;
  /** Milliseconds until the next attempt after the `failed`th failed; undefined: it goes to the dead letters. */
  waitMs(failed: number, random: Random): number | undefined;
}

/** Default: 5 attempts in all, parked up to 1 s after the first, doubling up to 1 min, with full jitter. */
export function ladder({ attempts = 5, base = '1s', cap = '1m' }: LadderOptions = {}): Ladder {
  const steps = retry({ attempts, base, cap, when: () => true });
  // What an error asks for is for callers who wait; an event that is parked does not.
  return {
    longestMs: milliseconds(cap, 'retry cap'),
    waitMs: (failed, random) => steps.waitMs(failed, undefined, random),
  };
}
