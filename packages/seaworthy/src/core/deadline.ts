import type { Clock } from './clock.ts';
import { type Duration, milliseconds } from './duration.ts';
import { SeaworthyError } from './errors.ts';

/** The deadline passed before the work was done or started. */
export class DeadlineExceeded extends SeaworthyError {
  readonly code = 'SW_DEADLINE_EXCEEDED';
  readonly kind = 'deadline';
}

/** A moment by which the whole of a piece of work must be done, over all its attempts and nested calls. */
export class Deadline {
  readonly #clock: Clock;
  /** The moment of the deadline by the clock's monotonic time, in milliseconds. */
  readonly at: number;
  /**
   * The milliseconds that the work has if no caller, such as the client of a gateway, sets less. A timeout after less time than this says
   * nothing about the callee. Default unknown.
   */
  readonly usualMs: number | undefined;

  constructor(clock: Clock, at: number, usualMs?: number) {
    this.#clock = clock;
    this.at = at;
    this.usualMs = usualMs;
  }

  /** Makes a deadline after a duration from now. */
  static after(clock: Clock, duration: Duration): Deadline {
    return new Deadline(clock, clock.monotonic() + milliseconds(duration, 'deadline'));
  }

  /** Returns the deadline itself, or the moment after a duration. Throws `DurationInvalid` for anything else. */
  static from(clock: Clock, deadline: Deadline | Duration): Deadline {
    return deadline instanceof Deadline ? deadline : Deadline.after(clock, deadline);
  }

  /** Returns the milliseconds left, 0 when the deadline has passed. */
  remaining(): number {
    return Math.max(0, this.at - this.#clock.monotonic());
  }

  /** Returns the earlier of two deadlines. A nested call never gets more time than its caller. */
  within(other: Deadline | undefined): Deadline {
    return other && other.at < this.at ? other.usually(this.usualMs) : this;
  }

  /** Returns the same deadline with `usualMs`, unless it has one already. */
  usually(usualMs: number | undefined): Deadline {
    return this.usualMs !== undefined || usualMs === undefined ? this : new Deadline(this.#clock, this.at, usualMs);
  }

  /** Throws `DeadlineExceeded` when the deadline has passed, so that work that cannot finish is not started. */
  check(what: string): void {
    if (this.remaining() <= 0) throw new DeadlineExceeded(`${what} was not started: its deadline has passed`);
  }
}
