import { type Scope, scope } from '../core/abort.ts';
import type { Clock } from '../core/clock.ts';

/** The progress of a member in one partition of a log. Events end in any order; progress is the position up to which all have ended. */
export class Partition {
  /** The log was read up to this position. */
  seen: number;
  /** The position that the next owner finds if this process dies. */
  saved: number;
  /** True once the partition is to go to another member, which gets it when none of its events is in flight. */
  leaving = false;
  /** Up to this position a member that died may have had events in flight. */
  readonly orphanedTo: number;
  /** Aborts when another member has taken the partition. */
  readonly owned: Scope;
  /** Positions in flight; a set keeps the order in which they began. */
  readonly #open = new Set<number>();

  constructor(clock: Clock, position: number, orphanedTo = 0) {
    this.orphanedTo = orphanedTo;
    this.seen = position;
    this.saved = position;
    this.owned = scope({ clock });
  }

  begin(position: number): void {
    this.#open.add(position);
  }

  finish(position: number): void {
    this.#open.delete(position);
  }

  get idle(): boolean {
    return this.#open.size === 0;
  }

  /** The last position up to which all events have ended. */
  get done(): number {
    const [first] = this.#open;
    return first === undefined ? this.seen : first - 1;
  }
}
