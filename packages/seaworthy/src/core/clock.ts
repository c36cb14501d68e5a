/** Where time comes from. Nothing else in Seaworthy reads it, so that a whole fleet can run under a virtual clock. */
export interface Clock {
  /** Milliseconds since the epoch, for records and leases that other processes read. May jump. */
  now(): number;
  /** Milliseconds that only grow, for deadlines and measuring. */
  monotonic(): number;
  /** Calls `run` once, `ms` from now. A `background` timer does not keep the process alive. */
  after(ms: number, run: () => void, options?: { readonly background?: boolean }): Timer;
}

export interface Timer {
  cancel(): void;
}

/** The machine's clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run, options) {
    const timer = setTimeout(run, ms);
    if (options?.background) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
