import type { Clock, Timer } from '../core/clock.ts';
import { type Direction, laneOf } from './schedule.ts';

/** The waits of instances for their next run, as far as this process keeps them in memory. The rows say the same. */
export interface Delays {
  /** Returns whether an instance waits. */
  has(id: string): boolean;
  /**
   * Calls `resume` after `ms`, unless `cancel` or `close` comes first. A later call replaces an earlier one. Returns false when too many
   * instances of the direction wait already: the row alone keeps the wait.
   */
  add(id: string, direction: Direction, ms: number, resume: () => void): boolean;
  cancel(id: string): void;
  /** Cancels all waits. None begins from then on. */
  close(): void;
}

interface Delay {
  readonly timer: Timer;
  readonly lane: string;
}

/** Makes the waits of one engine, up to `most` of each direction, so that one saga's do not push out another's. */
export function delays(clock: Clock, most: number): Delays {
  const waiting = new Map<string, Delay>();
  const counts = new Map<string, number>();
  let closed = false;

  const count = (lane: string, change: 1 | -1): void => void counts.set(lane, (counts.get(lane) ?? 0) + change);

  function cancel(id: string): void {
    const delay = waiting.get(id);
    if (!delay) return;
    delay.timer.cancel();
    waiting.delete(id);
    count(delay.lane, -1);
  }

  return {
    has: (id) => waiting.has(id),
    add(id, direction, ms, resume) {
      cancel(id);
      if (closed) return true;
      const lane = laneOf(direction);
      if ((counts.get(lane) ?? 0) >= most) return false;
      const timer = clock.after(
        ms,
        () => {
          cancel(id);
          resume();
        },
        { background: true },
      );
      waiting.set(id, { timer, lane });
      count(lane, 1);
      return true;
    },
    cancel,
    close() {
      closed = true;
      for (const id of [...waiting.keys()]) cancel(id);
    },
  };
}
