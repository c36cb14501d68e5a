import type { Clock } from '../core/clock.ts';

/** Whether this process can tell by its clock who is dead. */
export interface Steady {
  /** Called with each heartbeat, and whenever somebody's death is in question. */
  look(): boolean;
  /** A heartbeat: what is compared with from now on. */
  mark(): void;
}

/**
 * At a jump of the clock, forwards or back, and after this process stood still (a machine that slept, a container that was
 * frozen), the heartbeats of all others look old or unbelievable at once, though they live. So for one `ttl` of its own
 * monotonic time from then on a process takes nobody for dead: whoever lives has shown it by then.
 */
export function steady(clock: Clock, ttlMs: number): Steady {
  const read = (): { readonly now: number; readonly monotonic: number } => ({ now: clock.now(), monotonic: clock.monotonic() });
  let last = read();
  let trustedFrom = Number.NEGATIVE_INFINITY;

  function look(): boolean {
    const { now, monotonic } = read();
    const passed = monotonic - last.monotonic;
    const jumped = Math.abs(now - last.now - passed);
    // A heartbeat is written three times to a ttl: up to so much it stays within it whatever happens.
    // Where everything always takes so long, the dead must be found all the same.
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
