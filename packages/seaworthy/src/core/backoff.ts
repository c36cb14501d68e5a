import type { Random } from './random.ts';

/**
 * How chance spreads the waits of many callers that failed at the same moment (AWS, "Exponential Backoff And Jitter", 2015).
 * `full`: anything from nothing up to the whole wait. `equal`: from half of the wait up to the whole.
 */
export type Jitter = 'full' | 'equal';

/** Waits that double with each failure, up to a cap. All times are milliseconds. */
export interface Backoff {
  /** The longest wait after the first failure. */
  readonly baseMs: number;
  /** No wait is longer. */
  readonly capMs: number;
  readonly jitter: Jitter;
  /** No wait is shorter. Default 0. */
  readonly leastMs?: number;
}

/** Beyond this many doublings every cap is reached, and a number of milliseconds is still a whole one. */
const doublingsAtMost = 40;

/** Returns the milliseconds to wait after the `failures`th failure in a row, counted from 1. */
export function backoffMs({ baseMs, capMs, jitter, leastMs = 0 }: Backoff, failures: number, random: Random): number {
  const longest = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, doublingsAtMost));
  const chance = random.next();
  return Math.max(leastMs, longest * (jitter === 'full' ? chance : 0.5 + chance / 2));
}
