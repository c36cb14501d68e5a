import type { Clock } from '../core/clock.ts';
import { DeadlineExceeded } from '../core/deadline.ts';
import { isA } from '../core/thrown.ts';
import type { TimerNode, Wheel } from '../core/wheel.ts';
import type { Admission, Breaker } from './breaker.ts';
import type { Bulkhead } from './bulkhead.ts';
import { AttemptTimeout } from './errors.ts';

type Work = (context: Attempt) => unknown;

/** Tells whether an attempt had less time than its policy allots; 5 % may pass before the attempt begins. */
export const isShortened = (hadMs: number, allottedMs: number): boolean => hadMs < 0.95 * allottedMs;

/**
 * One attempt of a policy. It is the context of the work and a node of the timer wheel, and it settles once. Each call allocates one
 * such object, and an abort controller only if the work reads its signal.
 */
export class Attempt implements TimerNode {
  previous: TimerNode | undefined = undefined;
  next: TimerNode | undefined = undefined;
  at = 0;
  slot = -1;

  readonly attempt: number;
  breaker: Breaker | undefined = undefined;
  admission: Admission | undefined = undefined;
  bulkhead: Bulkhead | undefined = undefined;
  caller: AbortSignal | undefined = undefined;
  limitMs = Number.POSITIVE_INFINITY;
  until = Number.POSITIVE_INFINITY;
  /** The idempotency key of the work. */
  key: string | undefined = undefined;
  /** The milliseconds that the policy allots to an attempt if no caller sets less. */
  allottedMs = Number.POSITIVE_INFINITY;
  #begunAt = 0;

  readonly #clock: Clock;
  readonly #wheel: Wheel;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  #controller: AbortController | undefined = undefined;
  #abortedWith: { readonly reason: unknown } | undefined = undefined;
  #settled = false;
  #leaveQueue: (() => void) | undefined = undefined;
  #watching = false;

  constructor(clock: Clock, wheel: Wheel, attempt: number, resolve: (value: unknown) => void, reject: (error: unknown) => void) {
    this.#clock = clock;
    this.#wheel = wheel;
    this.attempt = attempt;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abortedWith) this.#controller.abort(this.#abortedWith.reason);
    }
    return this.#controller.signal;
  }

  /** Waits for a slot of the bulkhead until the deadline passes or the caller aborts. */
  queue(work: Work, now: number): void {
    const bulkhead = this.bulkhead as Bulkhead;
    // A queued attempt is not a probe, because a wait in this queue says nothing about the callee.
    if (this.admission) this.breaker?.release(this.admission);
    this.admission = undefined;
    try {
      this.#leaveQueue = bulkhead.wait(() => this.#leftQueue(work));
    } catch (error) {
      this.#reject(error);
      return;
    }
    this.#watch(now, this.until - now);
  }

  /** Starts the work with its slot. The breaker and the deadline are checked again, since both may have changed in the meantime. */
  #leftQueue(work: Work): void {
    this.#leaveQueue = undefined;
    this.#wheel.remove(this);
    const now = this.#clock.monotonic();
    try {
      if (now >= this.until) throw new DeadlineExceeded('the attempt was not started: the deadline passed in the queue of the bulkhead');
      this.admission = this.breaker?.admit(now);
    } catch (error) {
      this.#detach();
      this.#reject(error);
      this.#releaseSlot();
      return;
    }
    this.begin(work, now);
  }

  /** Runs the work with its timers, and settles with its outcome. */
  begin(work: Work, now: number): void {
    this.#begunAt = now;
    this.#watch(now, Math.min(this.limitMs, this.until - now));
    let result: unknown;
    try {
      result = work(this);
      if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
        (result as PromiseLike<unknown>).then(this.#succeeded, this.#failed);
        return;
      }
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#succeeded(result);
  }

  #watch(now: number, ms: number): void {
    if (ms < Number.POSITIVE_INFINITY) this.#wheel.add(this, ms, now);
    if (this.#watching || !this.caller) return;
    this.#watching = true;
    this.caller.addEventListener('abort', this);
  }

  /** Whether the attempt had less time than the policy allots. Its timeout then says nothing about the callee. */
  get shortened(): boolean {
    return isShortened(Math.min(this.limitMs, this.until - this.#begunAt), this.allottedMs);
  }

  /** Handles the abort of the caller's signal. */
  handleEvent(): void {
    const reason: unknown = this.caller?.reason;
    if (this.admission) this.#reportAbort(this.admission, reason);
    this.#abort(reason);
  }

  /** Reports an abort to the breaker. It counts if the deadline has passed or an outer policy timed out, and else says nothing about the callee. */
  #reportAbort(admission: Admission, reason: unknown): void {
    const now = this.#clock.monotonic();
    if (now >= this.until) this.breaker?.settled(admission, now, this.#deadlineExceeded(), this);
    else if (isA(reason, AttemptTimeout) && !isShortened(now - this.#begunAt, reason.limitMs))
      this.breaker?.settled(admission, now, reason, { key: this.key, shortened: false });
    else this.breaker?.ignored(admission);
  }

  #deadlineExceeded(): DeadlineExceeded {
    return new DeadlineExceeded('the deadline passed before the work was done: its outcome is unknown');
  }

  /** Ends the attempt because its time is over; the timer wheel calls this. */
  expire(): void {
    const now = this.#clock.monotonic();
    const reason = now >= this.until ? this.#deadlineExceeded() : new AttemptTimeout(this.limitMs);
    if (this.admission) this.breaker?.settled(this.admission, now, reason, this);
    this.#abort(reason);
  }

  /** Rejects the call now. The slot stays taken until the work itself settles. */
  #abort(reason: unknown): void {
    this.#leaveQueue?.();
    this.#detach();
    this.#abortedWith = { reason };
    this.#reject(reason);
    this.#controller?.abort(reason);
  }

  /** Releases the slot once, even if a foreign thenable settles several times. */
  #releaseSlot(): void {
    const { bulkhead } = this;
    this.bulkhead = undefined;
    bulkhead?.leave();
  }

  /** Removes the timer and the listener on the caller's signal. */
  #detach(): void {
    this.#settled = true;
    this.#wheel.remove(this);
    if (this.#watching) this.caller?.removeEventListener('abort', this);
  }

  readonly #succeeded = (value: unknown): void => {
    if (!this.#settled) {
      this.#detach();
      if (this.admission) this.breaker?.succeeded(this.admission, this.breaker.timed ? this.#clock.monotonic() : 0, this.key);
      this.#resolve(value);
    }
    this.#releaseSlot();
  };

  readonly #failed = (error: unknown): void => {
    if (!this.#settled) {
      this.#detach();
      if (this.admission) this.breaker?.settled(this.admission, this.#clock.monotonic(), error, this);
      this.#reject(error);
    }
    this.#releaseSlot();
  };
}
