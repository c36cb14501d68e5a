import type { Clock, Timer } from '../core/clock.ts';
import { sleep } from '../core/sleep.ts';

/** The error that a synchronous call of a dead process throws, since it cannot wait forever. */
export class Died extends Error {}

/** One life of a simulated process, as a sequence of steps at which it may die or stall. */
export interface ProcessLife {
  readonly name: string;
  /** Aborts when the process dies. */
  readonly dead: AbortSignal;
  /** The step at which the process died; `undefined` while it lives. */
  readonly at: string | undefined;
  /** Takes a step, before and after each effect of the process. Resolves late when the process stalls, and never once it is dead. */
  step(what: string): Promise<void>;
  /** Takes a step at a crash point, which is synchronous. Throws `Died` once the process is dead. */
  pass(point: string): void;
  /** Ends the life. */
  die(at: string): void;
  /** The clock of the process: no timer runs during a stall or after its death, and its date may be wrong. */
  readonly clock: Clock;
}

export interface ProcessLifeDeps {
  readonly name: string;
  /** The number of steps after which the process dies. Default: it lives on. */
  readonly steps?: number | undefined;
  /** Tells whether a step counts. Default: each does. */
  readonly counts?: (what: string) => boolean;
  readonly clock: Clock;
  /** The error of its date in milliseconds. Default 0. */
  readonly skewMs?: number;
  /** Returns the milliseconds of a stall at a step, mostly 0. Default: no step stalls. */
  readonly stallMs?: () => number;
  /** Gets each step and the death. Default none. */
  readonly trace?: (line: string) => void;
}

const never = new Promise<never>(() => {});

/** Starts a life. */
export function processLife({
  name,
  steps = Number.POSITIVE_INFINITY,
  counts = () => true,
  clock,
  skewMs = 0,
  stallMs = () => 0,
  trace = () => {},
}: ProcessLifeDeps): ProcessLife {
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
    if (counts(what) && --left <= 0) die(what);
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
