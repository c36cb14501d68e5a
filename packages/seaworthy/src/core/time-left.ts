import type { Clock } from './clock.ts';

/**
 * Returns a function that says how many milliseconds are left of `ms`, which begin with its first call. Runs that are repeated share their
 * time by it, so that no number of conflicts makes it longer.
 */
export function timeLeft({ monotonic }: Pick<Clock, 'monotonic'>, ms: number): () => number {
  let ends: number | undefined;
  return () => {
    ends ??= monotonic() + ms;
    return Math.max(0, ends - monotonic());
  };
}
