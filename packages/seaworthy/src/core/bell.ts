import type { Clock } from './clock.ts';

/** Wakes one sleeper: rung before it sleeps, it does not sleep. */
export interface Bell {
  ring(): void;
  /** Resolves when it is rung, after `ms`, or when `signal` aborts, whichever is first. Never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function bell(clock: Clock): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          timer.cancel();
          signal.removeEventListener('abort', done);
          wake = undefined;
          rung = false;
          resolve();
        };
        const timer = clock.after(ms, done, { background: true });
        if (rung || signal.aborted) return done();
        wake = done;
        signal.addEventListener('abort', done, { once: true });
      }),
  };
}
