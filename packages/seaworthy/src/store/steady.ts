import type { Clock } from '../core/clock.ts';

/** Tells whether this process can judge by its clock which workers are dead. */
export interface Steady {
  /** Compares the clocks, with each heartbeat and whenever a worker is judged. Returns whether the process may judge. */
  look(): boolean;
  /** Records the clocks at a heartbeat, for later comparisons. */
  mark(): void;
}

/**
 * At a jump of the clock, forwards or back, and after this process stood still (a machine that slept, a container that was
 * frozen), the heartbeats of all others look old or implausible at once, although they live. So for one `ttl` of its own
 * monotonic time a process judges no worker dead: every living one has written a heartbeat by then.
 */
export function steady(clock: Clock, ttlMs: number): Steady {
  const read = (): { readonly now: number; readonly monotonic: number } => ({ now: clock.now(), monotonic: clock.monotonic() });
  let last = read();
  let trustedFrom = Number.NEGATIVE_INFINITY;

  function look(): boolean {
    const { now, monotonic } = read();
    const passed = monotonic - last.monotonic;
    const jumped = Math.abs(now - last.now - passed);
    // A heartbeat is written three times in each ttl, so a delay of up to two thirds leaves it valid.
    // On a machine that is always this slow, dead workers must be found all the same.
    const strained = monotonic < trustedFrom + ttlMs;
    if (jumped > ttlMs / 3 || (passed > (2 * ttlMs) / 3 && !strained)) {
      trustedFrom = monotonic + ttlMs;
      last = { now, monotonic };
    }
    return monotonic >= trustedFrom;
  }

  return {
    look,
    mark() {
      look();
      last = read();
    },
  };
}
