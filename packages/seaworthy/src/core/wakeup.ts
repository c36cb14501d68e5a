import type { Clock } from './clock.ts';

/** Wakes one sleeper. A notification that comes before the sleeper waits is kept: the next wait ends at once. */
export interface Wakeup {
  notify(): void;
  /** Resolves when it is notified, after `ms`, or when `signal` aborts, whichever is first. It never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** Makes a wake-up whose waits end by the given clock. */
export function wakeup(clock: Clock): Wakeup {
  let notified = false;
  let wake: (() => void) | undefined;
  return {
    notify() {
      notified = true;
      wake?.();
    },
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          timer.cancel();
          signal.removeEventListener('abort', done);
          wake = undefined;
          notified = false;
          resolve();
        };
        const timer = clock.after(ms, done, { background: true });
        if (notified || signal.aborted) return done();
        wake = done;
        signal.addEventListener('abort', done, { once: true });
      }),
  };
}
