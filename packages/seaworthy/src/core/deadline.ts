import type { Clock } from './clock.ts';
import { type Duration, milliseconds } from './duration.ts';
import { SeaworthyError } from './errors.ts';

/** The time for the whole of a piece of work is over. */
export class DeadlineExceeded extends SeaworthyError {
  readonly code = 'SW_DEADLINE_EXCEEDED';
  readonly kind = 'deadline';
}

/** A moment by which the whole of a piece of work must be done, over all its attempts and nested calls. */
export class Deadline {
  readonly #clock: Clock;
  /** On the clock's monotonic scale. */
  readonly at: number;
  /**
   * Milliseconds that the work would have had if nobody had asked for less, such as the client of a gateway. When less time than
   * this was too little, that says nothing of whoever does the work. Default unknown.
   */
  readonly usualMs: number | undefined;

  constructor(clock: Clock, at: number, usualMs?: number) {
    this.#clock = clock;
    this.at = at;
    this.usualMs = usualMs;
  }

  static after(clock: Clock, duration: Duration): Deadline {
    return new Deadline(clock, clock.monotonic() + milliseconds(duration, 'deadline'));
  }

  /** Returns the deadline itself, or the moment after a duration. Throws `DurationInvalid` for anything else. */
  static from(clock: Clock, deadline: Deadline | Duration): Deadline {
    return deadline instanceof Deadline ? deadline : Deadline.after(clock, deadline);
  }

  /** Milliseconds left, 0 when it has passed. */
  remaining(): number {
    return Math.max(0, this.at - this.#clock.monotonic());
  }

  /** The earlier of the two: a deadline only shrinks on its way down. */
  within(other: Deadline | undefined): Deadline {
    return other && other.at < this.at ? other.usually(this.usualMs) : this;
  }

  /** The same moment, for work that would have had `usualMs`, unless it knows that already. */
  usually(usualMs: number | undefined): Deadline {
    return this.usualMs !== undefined || usualMs === undefined ? this : new Deadline(this.#clock, this.at, usualMs);
  }

  /** Throws `DeadlineExceeded` when it has passed: work that cannot finish is not begun. */
  check(what: string): void {
    if (this.remaining() <= 0) throw new DeadlineExceeded(`${what} was not started: its deadline has passed`);
  }
}
