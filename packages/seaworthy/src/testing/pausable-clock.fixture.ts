import type { VirtualClock } from './clock.ts';

/** A virtual clock whose processes may stand still: a long collection of garbage, a machine that sleeps. Their timers go on afterwards. */
export interface PausableClock extends VirtualClock {
  /** Lets time pass in which nothing runs. */
  pause(ms: number): void;
}

export function pausable(time: VirtualClock): PausableClock {
  let paused = 0;
  return {
    ...time,
    now: () => time.now() + paused,
    monotonic: () => time.monotonic() + paused,
    pause(ms) {
      paused += ms;
    },
    get waiting() {
      return time.waiting;
    },
  };
}
