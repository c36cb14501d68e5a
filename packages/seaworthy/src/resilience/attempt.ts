import type { Clock } from '../core/clock.ts';
import { DeadlineExceeded } from '../core/deadline.ts';
import type { Spoke, Wheel } from '../core/wheel.ts';
import type { Admission, Breaker } from './breaker.ts';
import type { Bulkhead } from './bulkhead.ts';
import { AttemptTimeout } from './errors.ts';

type Work = (context: Attempt) => unknown;

/**
 * One attempt of a policy: the context that the work sees, a spoke of the timer wheel, and the place where its outcome is
 * decided once. One object a call, and a controller only for work that asks for its signal.
 */
export class Attempt implements Spoke {
  previous: Spoke | undefined = undefined;
  next: Spoke | undefined = undefined;
  at = 0;
  slot = -1;

  readonly attempt: number;
  breaker: Breaker | undefined = undefined;
  admission: Admission | undefined = undefined;
  bulkhead: Bulkhead | undefined = undefined;
  caller: AbortSignal | undefined = undefined;
  limitMs = Number.POSITIVE_INFINITY;
  until = Number.POSITIVE_INFINITY;

  readonly #clock: Clock;
  readonly #wheel: Wheel;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  #controller: AbortController | undefined = undefined;
  #ended: { readonly reason: unknown } | undefined = undefined;
  #settled = false;
  #leaveQueue: (() => void) | undefined = undefined;
  #left: (() => void) | undefined = undefined;

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
      if (this.#ended) this.#controller.abort(this.#ended.reason);
    }
    return this.#controller.signal;
  }

  /** Waits for a slot, no longer than until the deadline, and only as long as the caller does. */
  queue(work: Work, now: number): void {
    const bulkhead = this.bulkhead as Bulkhead;
    try {
      this.#leaveQueue = bulkhead.wait(() => {
        this.#leaveQueue = undefined;
        this.#wheel.remove(this);
        this.begin(work, this.#clock.monotonic());
      });
    } catch (error) {
      this.#ignore();
      this.#reject(error);
      return;
    }
    this.#watch(now, this.until - now);
  }

  begin(work: Work, now: number): void {
    this.#watch(now, Math.min(this.limitMs, this.until - now));
    let result: unknown;
    try {
      result = work(this);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function')
      (result as PromiseLike<unknown>).then(this.#succeeded, this.#failed);
    else this.#succeeded(result);
  }

  #watch(now: number, ms: number): void {
    if (ms < Number.POSITIVE_INFINITY) this.#wheel.add(this, ms, now);
    if (this.caller && !this.#left) {
      const { caller } = this;
      this.#left = () => this.#cut(caller.reason, true);
      caller.addEventListener('abort', this.#left, { once: true });
    }
  }

  /** The wheel's call: the time of this attempt is over. */
  expire(): void {
    const byDeadline = this.#clock.monotonic() >= this.until;
    this.#cut(
      byDeadline
        ? new DeadlineExceeded('the deadline passed before the work was done: its outcome is unknown')
        : new AttemptTimeout(`the attempt took longer than ${this.limitMs} ms: its outcome is unknown`),
      this.#leaveQueue !== undefined,
    );
  }

  /** Settles for the caller now; the slot is held until the work itself settles. */
  #cut(reason: unknown, ignored: boolean): void {
    if (this.#settled) return;
    const queued = this.#leaveQueue;
    queued?.();
    if (ignored) this.#ignore();
    else if (this.admission) this.breaker?.failed(this.admission, this.#clock.monotonic(), reason);
    this.#end(reason);
    this.#controller?.abort(reason);
    this.#reject(reason);
  }

  #ignore(): void {
    if (this.admission) this.breaker?.ignored(this.admission);
  }

  #end(reason: unknown): void {
    this.#settled = true;
    this.#ended = { reason };
    this.#wheel.remove(this);
    if (this.#left) this.caller?.removeEventListener('abort', this.#left);
  }

  readonly #succeeded = (value: unknown): void => {
    this.bulkhead?.leave();
    if (this.#settled) return;
    this.#settled = true;
    this.#wheel.remove(this);
    if (this.#left) this.caller?.removeEventListener('abort', this.#left);
    if (this.admission) this.breaker?.succeeded(this.admission, this.#clock.monotonic());
    this.#resolve(value);
  };

  readonly #failed = (error: unknown): void => {
    this.bulkhead?.leave();
    if (this.#settled) return;
    const { breaker, admission } = this;
    if (breaker && admission) {
      if (breaker.classify(error) === 'failure') breaker.failed(admission, this.#clock.monotonic(), error);
      else breaker.ignored(admission);
    }
    this.#end(error);
    this.#reject(error);
  };
}
