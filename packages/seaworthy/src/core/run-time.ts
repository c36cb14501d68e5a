import type { Clock } from './clock.ts';

/** The time of one run of a piece of work that conflicts may repeat. */
export interface RunTime {
  /** The milliseconds that the run may take. */
  readonly ms: number;
  /** How long all runs took together, in milliseconds, if this one is cut short because of them. */
  readonly ofAll: number | undefined;
}

/** All runs together, with the waits between them, take at most so many times the longest run. */
const runsAtMost = 10;

/**
 * Returns a function that gives the time of the next run. Each run has `ms`, for which the wait before it does not count; but no number
 * of conflicts makes the whole longer than ten times that, from the first run on.
 */
export function runTime({ monotonic }: Pick<Clock, 'monotonic'>, ms: number): () => RunTime {
  const whole = runsAtMost * ms;
  let ends: number | undefined;
  return () => {
    ends ??= monotonic() + whole;
    const left = ends - monotonic();
    return left < ms ? { ms: Math.max(0, left), ofAll: whole } : { ms, ofAll: undefined };
  };
}
