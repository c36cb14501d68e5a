import type { Clock } from '../core/clock.ts';

/** Far enough apart to cost nothing, and within what any timer can wait. */
const againMs = 3_600_000;

/**
 * Keeps the process alive until it is released: all that a service without a port waits for are background timers, which
 * do not. Of a virtual clock it holds virtual time only.
 */
export function hold(clock: Clock): () => void {
  let timer = clock.after(againMs, again);
  function again(): void {
    timer = clock.after(againMs, again);
  }
  return () => timer.cancel();
}
