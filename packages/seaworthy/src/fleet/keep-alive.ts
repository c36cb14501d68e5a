import type { Clock } from '../core/clock.ts';

/** The interval between two timers: long enough to cost nothing, and within the longest timer. */
const intervalMs = 3_600_000;

/**
 * Keeps the process alive. A service without a port waits for background timers only, which do not. On a virtual clock it keeps virtual
 * time alone. Returns how to release the process.
 */
export function keepAlive(clock: Clock): () => void {
  let timer = clock.after(intervalMs, again);
  function again(): void {
    timer = clock.after(intervalMs, again);
  }
  return () => timer.cancel();
}
