import type { Clock } from '../core/clock.ts';
import { quiescent } from '../core/event-loop.ts';
import type { Random } from '../core/random.ts';

/** A clock that moves only when it is told to. Timers run in order, and no real time passes. */
export interface VirtualClock extends Clock {
  /** Advances by `ms` and runs each due timer at its own time. The work that a timer starts comes to rest before the next timer runs. */
  advance(ms: number): Promise<void>;
  /** Advances from timer to timer until `work` settles. Rejects when `work` waits and no timer is left. */
  run<T>(work: Promise<T>): Promise<T>;
  /** The number of timers that wait. */
  readonly waiting: number;
}

interface Waiting {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Makes a virtual clock that starts at `start`, in epoch milliseconds. Default the first of January 2026. */
export function virtualClock(start = Date.UTC(2026, 0, 1)): VirtualClock {
  let elapsed = 0;
  let order = 0;
  const timers = new Set<Waiting>();
  const next = (): Waiting | undefined => {
    let first: Waiting | undefined;
    for (const timer of timers) if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    return first;
  };
  const fire = (timer: Waiting): void => {
    timers.delete(timer);
    elapsed = Math.max(elapsed, timer.at);
    timer.run();
  };
  return {
    now: () => start + Math.floor(elapsed),
    monotonic: () => elapsed,
    after(ms, run) {
      const timer: Waiting = { at: elapsed + Math.max(0, ms), order: order++, run };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    async advance(ms) {
      const until = elapsed + ms;
      await quiescent();
      for (let timer = next(); timer && timer.at <= until; timer = next()) {
        fire(timer);
        await quiescent();
      }
      elapsed = until;
    },
    async run<T>(work: Promise<T>): Promise<T> {
      let settled = false;
      const done = (): void => {
        settled = true;
      };
      work.then(done, done);
      for (let idle = 0; idle < 50; ) {
        await quiescent();
        if (settled) return work;
        const timer = next();
        if (timer) fire(timer);
        idle = timer ? 0 : idle + 1;
      }
      throw new Error('the work waits for something that is not a timer of this clock');
    },
    get waiting() {
      return timers.size;
    },
  };
}

/** Makes randomness that its seed determines (mulberry32, Tommy Ettinger's public-domain generator). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    },
  };
}
