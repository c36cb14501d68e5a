import { systemClock } from './clock.ts';

const next = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
let waiting = 0;

/** Resolves in a later turn of the event loop, after everything that is ready now has run: input, output, other promises. */
export async function macrotask(): Promise<void> {
  waiting++;
  await next();
  waiting--;
}

/**
 * Returns the outcome of `work`, such as a write to the disk. Virtual time waits for it, since the machine finishes it by itself; but no longer
 * than `atMostMs`, where it may wait for something that only virtual time brings about. Default for as long as it takes.
 */
export async function trackIo<T>(work: Promise<T>, atMostMs?: number): Promise<T> {
  waiting++;
  let tracked = true;
  const leave = (): void => {
    if (tracked) waiting--;
    tracked = false;
  };
  const timer = atMostMs === undefined ? undefined : systemClock.after(atMostMs, leave, { background: true });
  try {
    return await work;
  } finally {
    timer?.cancel();
    leave();
  }
}

/** Resolves once no macrotask and no tracked I/O is pending: everything that remains waits for a timer or for the outside world. */
export async function quiescent(): Promise<void> {
  do await next();
  while (waiting > 0);
}
