import { systemClock } from './clock.ts';

const next = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** The macrotasks and the tracked work that are pending. */
let turns = 0;
let tracked = 0;
/** Called when tracked work ends. */
const ended: (() => void)[] = [];

/** Resolves in a later turn of the event loop, after everything that is ready now has run: input, output, other promises. */
export async function macrotask(): Promise<void> {
  turns++;
  await next();
  turns--;
}

/**
 * Returns the outcome of `work`, such as a write to the disk. Virtual time waits for it, since the machine finishes it by itself; but no longer
 * than `atMostMs`, where it may wait for something that only virtual time brings about. Default for as long as it takes.
 */
export async function trackIo<T>(work: Promise<T>, atMostMs?: number): Promise<T> {
  tracked++;
  let pending = true;
  const leave = (): void => {
    if (!pending) return;
    pending = false;
    tracked--;
    for (const resume of ended.splice(0)) resume();
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
  await next();
  while (turns + tracked > 0) {
    // A loop that only looked would take the processor from a database on the same machine.
    if (turns === 0) await new Promise<void>((resolve) => ended.push(resolve));
    // What waited for the tracked work has not run yet.
    await next();
  }
}
