import type { Clock } from '../core/clock.ts';
import { DeadlineExceeded } from '../core/deadline.ts';
import { isA } from '../core/thrown.ts';
import type { TimerNode, Wheel } from '../core/wheel.ts';
import type { Admission, Breaker } from './breaker.ts';
import type { Bulkhead } from './bulkhead.ts';
import { AttemptTimeout } from './errors.ts';

type Work = (context: Attempt) => unknown;

/** Whether `hadMs` is less than an attempt should have; a little of its time may pass before it begins. */
export const isHurried = (hadMs: number, fairMs: number): boolean => hadMs < 0.95 * fairMs;

/**
 * One attempt of a policy: the context that the work sees, a node of the timer wheel, and the place where its outcome is
 * decided once. One object a call, and a controller only for work that asks for its signal.
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
  /** Under which the work is done once. */
  key: string | undefined = undefined;
  /** What the policy gives to an attempt when nobody asks for less. */
  fairMs = Number.POSITIVE_INFINITY;
  #begunAt = 0;

  readonly #clock: Clock;
  readonly #wheel: Wheel;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  #controller: AbortController | undefined = undefined;
  #cutBy: { readonly reason: unknown } | undefined = undefined;
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
      if (this.#cutBy) this.#controller.abort(this.#cutBy.reason);
    }
    return this.#controller.signal;
  }

  /** Waits for a slot, no longer than until the deadline, and only as long as the caller does. */
  queue(work: Work, now: number): void {
    const bulkhead = this.bulkhead as Bulkhead;
    // While it waits here it is nobody's probe: a queue of our own says nothing of the callee.
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

  /** Its turn has come. What was true of callee and deadline when it joined the queue may be so no more. */
  #leftQueue(work: Work): void {
    this.#leaveQueue = undefined;
    this.#wheel.remove(this);
    const now = this.#clock.monotonic();
    try {
      if (now >= this.until) throw new DeadlineExceeded('the attempt was not started: the deadline passed in the queue of the bulkhead');
      this.admission = this.breaker?.admit(now);
    } catch (error) {
      this.#end();
      this.#reject(error);
      this.#giveBack();
      return;
    }
    this.begin(work, now);
  }

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

  /** Whether it had less time than the policy gives: that it was late says nothing of the callee then. */
  get hurried(): boolean {
    return isHurried(Math.min(this.limitMs, this.until - this.#begunAt), this.fairMs);
  }

  /** The caller's signal has aborted. */
  handleEvent(): void {
    const reason: unknown = this.caller?.reason;
    if (this.admission) this.#left(this.admission, reason);
    this.#cut(reason);
  }

  /** A caller who leaves says nothing of the callee; one whose time is over does, and so does a timeout of a policy around this one. */
  #left(admission: Admission, reason: unknown): void {
    const now = this.#clock.monotonic();
    if (now >= this.until) this.breaker?.settled(admission, now, this.#late(), this);
    else if (isA(reason, AttemptTimeout) && !isHurried(now - this.#begunAt, reason.limitMs))
      this.breaker?.settled(admission, now, reason, { key: this.key, hurried: false });
    else this.breaker?.ignored(admission);
  }

  #late(): DeadlineExceeded {
    return new DeadlineExceeded('the deadline passed before the work was done: its outcome is unknown');
  }

  /** The wheel's call: the time of this attempt is over. */
  expire(): void {
    const now = this.#clock.monotonic();
    const reason = now >= this.until ? this.#late() : new AttemptTimeout(this.limitMs);
    if (this.admission) this.breaker?.settled(this.admission, now, reason, this);
    this.#cut(reason);
  }

  /** Settles for the caller now; the slot is held until the work itself settles. */
  #cut(reason: unknown): void {
    this.#leaveQueue?.();
    this.#end();
    this.#cutBy = { reason };
    this.#reject(reason);
    this.#controller?.abort(reason);
  }

  /** Once, whatever a foreign thenable calls how often. */
  #giveBack(): void {
    const { bulkhead } = this;
    this.bulkhead = undefined;
    bulkhead?.leave();
  }

  /** Leaves the wheel and the caller's signal. */
  #end(): void {
    this.#settled = true;
    this.#wheel.remove(this);
    if (this.#watching) this.caller?.removeEventListener('abort', this);
  }

  readonly #succeeded = (value: unknown): void => {
    if (!this.#settled) {
      this.#end();
      if (this.admission) this.breaker?.succeeded(this.admission, this.breaker.timed ? this.#clock.monotonic() : 0, this.key);
      this.#resolve(value);
    }
    this.#giveBack();
  };

  readonly #failed = (error: unknown): void => {
    if (!this.#settled) {
      this.#end();
      if (this.admission) this.breaker?.settled(this.admission, this.#clock.monotonic(), error, this);
      this.#reject(error);
    }
    this.#giveBack();
  };
}
