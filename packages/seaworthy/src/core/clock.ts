/** The source of time. Nothing else in Seaworthy reads the time, so that a whole fleet can run under a virtual clock. */
export interface Clock {
  /** Returns whole milliseconds since the epoch, for records that other processes read. They may jump. */
  now(): number;
  /** Returns milliseconds that never decrease, for deadlines and durations. */
  monotonic(): number;
  /** Calls `run` once, `ms` from now. A `background` timer does not keep the process alive. */
  after(ms: number, run: () => void, options?: { readonly background?: boolean }): Timer;
}

export interface Timer {
  cancel(): void;
}

/** The longest timer of Node, in milliseconds: about 24.8 days. A longer one would fire after a millisecond. */
export const longestTimerMs = 2 ** 31 - 1;

/** The machine's clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run, options) {
    const due = performance.now() + ms;
    const start = (leftMs: number): NodeJS.Timeout => {
      const next = leftMs > longestTimerMs ? setTimeout(again, longestTimerMs) : setTimeout(run, leftMs);
      return options?.background ? next.unref() : next;
    };
    const again = (): void => {
      timer = start(due - performance.now());
    };
    let timer = start(ms);
    return { cancel: () => clearTimeout(timer) };
  },
};
