import type { Clock, Timer } from '../core/clock.ts';
import { sleep } from '../core/sleep.ts';

/** Thrown where a process that has just died cannot simply stand still. */
export class Died extends Error {}

/** One life of a process: counted in the steps at which it may end or stall. */
export interface Life {
  readonly name: string;
  /** Aborts when it dies. */
  readonly dead: AbortSignal;
  /** Where it died. */
  readonly at: string | undefined;
  /** Before and after everything that the process does to the world. Resolves later when it stalls, and never once it is dead. */
  step(what: string): Promise<void>;
  /** The same for a named crash point, which nobody awaits. Throws `Died`. */
  pass(point: string): void;
  die(at: string): void;
  /** Its own view of time: in stalls and after its death no timer runs, and its date may be wrong. */
  readonly clock: Clock;
}

export interface LifeParts {
  readonly name: string;
  /** It dies at this step. */
  readonly steps: number;
  readonly clock: Clock;
  /** By how many milliseconds its date is wrong. Default 0. */
  readonly skewMs?: number;
  /** Milliseconds to stand still at a step, mostly 0. */
  readonly stallMs: () => number;
  readonly trace: (line: string) => void;
}

const never = new Promise<never>(() => {});

export function life({ name, steps, clock, skewMs = 0, stallMs, trace }: LifeParts): Life {
  const death = new AbortController();
  const timers = new Set<Timer>();
  let left = steps;
  let at: string | undefined;
  let stalledUntil = 0;

  function die(where: string): void {
    if (death.signal.aborted) return;
    at = where;
    trace(`${name} dies at ${where}`);
    for (const timer of timers) timer.cancel();
    timers.clear();
    death.abort(new Died(`${name} died at ${where}`));
  }

  function take(what: string): void {
    if (death.signal.aborted) return;
    trace(`${name} ${what}`);
    if (--left <= 0) die(what);
    else if (stalledUntil <= clock.monotonic()) stalledUntil = clock.monotonic() + stallMs();
  }

  function after(ms: number, run: () => void, options?: { readonly background?: boolean }): Timer {
    if (death.signal.aborted) return { cancel: () => {} };
    let timer: Timer;
    const arm = (delay: number): void => {
      timer = clock.after(
        delay,
        () => {
          timers.delete(timer);
          const stalled = stalledUntil - clock.monotonic();
          if (stalled > 0) arm(stalled);
          else run();
        },
        options,
      );
      timers.add(timer);
    };
    arm(ms);
    return {
      cancel() {
        timer.cancel();
        timers.delete(timer);
      },
    };
  }

  return {
    name,
    dead: death.signal,
    get at() {
      return at;
    },
    async step(what) {
      take(what);
      const stalled = stalledUntil - clock.monotonic();
      if (stalled > 0) await sleep(clock, stalled);
      if (death.signal.aborted) await never;
    },
    pass(point) {
      take(point);
      if (death.signal.aborted) throw death.signal.reason;
    },
    die,
    clock: { now: () => clock.now() + skewMs, monotonic: clock.monotonic, after },
  };
}
