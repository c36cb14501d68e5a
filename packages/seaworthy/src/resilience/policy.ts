import { Deadline, DeadlineExceeded } from '../core/deadline.ts';
import type { Duration } from '../core/duration.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { isA } from '../core/thrown.ts';
import { type Wheel, wheelOf } from '../core/wheel.ts';
import { Attempt, isShortened } from './attempt.ts';
import type { Breaker } from './breaker.ts';
import type { Bulkhead } from './bulkhead.ts';
import { PolicyInvalid } from './errors.ts';
import type { DeadlinePart, FallbackPart, PolicyPart, TimeoutPart } from './parts.ts';
import type { Retry } from './retry.ts';

/** The context of the work. */
export interface WorkContext {
  /** The signal that aborts when the attempt times out, its deadline passes or its caller aborts. It is made at its first use. */
  readonly signal: AbortSignal;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
}

/** The options of one call of a guard. */
export interface GuardOptions {
  /** The signal by which the caller aborts the call. Default none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The deadline of the caller, a moment or a time from now; the earlier one of caller and policy holds. A timeout says nothing about the callee if this deadline left
   * the attempt less time than the policy allots: its `timeout`, else its `deadline`, else 5 s. Default none.
   */
  readonly deadline?: Deadline | Duration | undefined;
  /** The idempotency key of the work. The breaker counts repeated failures under one key once. Default none. */
  readonly key?: string | undefined;
}

/**
 * Runs work under a policy. Rejects with the error of the last attempt, with the reason why there was none, or with `DurationInvalid`
 * for an invalid deadline.
 */
export type Guard<F = never> = <T>(work: (context: WorkContext) => PromiseLike<T> | T, options?: GuardOptions) => Promise<T | F>;

/** An object that takes its clock from a runtime and reports to it. */
export interface Attachable {
  /** Attaches it to a runtime, unless it has one already. Returns a function that ends it. */
  attach(runtime: Runtime): () => void;
}

/** A guard with `attach`, and with `dispose`, which removes its breaker and bulkhead from the gauges; `using` calls it too. */
export type Policy<F = never> = Guard<F> & Attachable & Disposable & { dispose(): void };

interface ChosenParts {
  deadline?: DeadlinePart;
  fallback?: FallbackPart<unknown>;
  retry?: Retry;
  breaker?: Breaker;
  bulkhead?: Bulkhead;
  timeout?: TimeoutPart;
}

const standard = systemRuntime();
/** The time that a policy without a timeout and a deadline allots to an attempt. */
const usualMs = 5000;

type FallbackOf<P> = P extends FallbackPart<infer F> ? F : never;

/**
 * Composes a policy. The order of the arguments does not matter: from the outside in, the parts work as deadline, fallback, retry,
 * breaker, bulkhead, timeout. So the breaker sees every attempt, and a wait in the queue of the bulkhead does not count as slow. Throws
 * `PolicyInvalid` when a part is given twice.
 */
export function policy<const P extends readonly PolicyPart[]>(...parts: P): Policy<FallbackOf<P[number]>> {
  return policyOn(standard, ...parts);
}

/** Composes a policy on a runtime. Its breaker and bulkhead report there too, unless they have a runtime already. */
export function policyOn<const P extends readonly PolicyPart[]>(runtime: Runtime, ...parts: P): Policy<FallbackOf<P[number]>> {
  const chosen: Record<string, unknown> = {};
  for (const part of parts) {
    if (chosen[part.kind]) throw new PolicyInvalid(`a policy takes one ${part.kind}, got two: merge them`);
    chosen[part.kind] = part;
  }
  const { breaker, bulkhead } = chosen as ChosenParts;
  if (runtime !== standard) breaker?.attach(runtime);
  bulkhead?.attach(runtime);
  const guard = new PolicyGuard(runtime, chosen as ChosenParts);
  const run: Guard<unknown> = (work, options) => guard.run(work, options);
  const dispose = (): void => {
    breaker?.dispose();
    bulkhead?.dispose();
  };
  const attach = (own: Runtime): (() => void) => guard.attach(own);
  return Object.assign(run, { attach, dispose, [Symbol.dispose]: dispose }) as Policy<FallbackOf<P[number]>>;
}

/** The options of one call, its deadline as a moment. */
type CallBounds = GuardOptions & { readonly deadline?: Deadline | undefined };
type Work = (context: WorkContext) => unknown;
type Settle = (value: unknown) => void;

/** The context of work under a policy of a breaker alone, which never aborts it. */
class PlainContext implements WorkContext {
  readonly attempt = 1;

  get signal(): AbortSignal {
    return new AbortController().signal;
  }
}

class PolicyGuard {
  #runtime: Runtime;
  readonly #parts: ChosenParts;
  #wheel: Wheel;
  readonly #name: string;
  readonly #breakerOnly: boolean;

  constructor(runtime: Runtime, parts: ChosenParts) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#wheel = wheelOf(runtime.clock);
    this.#name = parts.breaker?.name ?? parts.bulkhead?.name ?? 'policy';
    const kinds = Object.keys(parts);
    this.#breakerOnly = kinds.length === 1 && kinds[0] === 'breaker';
  }

  attach(runtime: Runtime): () => void {
    if (this.#runtime !== standard || runtime === standard) return () => {};
    const { breaker, bulkhead } = this.#parts;
    const leave = [breaker?.attach(runtime), bulkhead?.attach(runtime)];
    this.#move(runtime);
    return () => {
      if (this.#runtime !== runtime) return;
      for (const step of leave) step?.();
      this.#move(standard);
    };
  }

  #move(runtime: Runtime): void {
    this.#runtime = runtime;
    this.#wheel = wheelOf(runtime.clock);
  }

  run<T>(work: Work, given: GuardOptions | undefined): Promise<T> {
    if (this.#breakerOnly && !given) return this.#throughBreaker(work);
    let options: CallBounds | undefined;
    try {
      options = this.#boundsOf(given);
    } catch (error) {
      return Promise.reject(error);
    }
    const now = this.#runtime.clock.monotonic();
    const own = this.#parts.deadline ? now + this.#parts.deadline.ms : Number.POSITIVE_INFINITY;
    const until = options?.deadline && options.deadline.at < own ? options.deadline.at : own;
    return this.#parts.retry || this.#parts.fallback
      ? this.#retryLoop(work, until, options)
      : this.#attempt(work, 1, until, options, now, this.#parts);
  }

  /** Returns the options of a call with a moment for its deadline. Throws `DurationInvalid`. */
  #boundsOf(given: GuardOptions | undefined): CallBounds | undefined {
    const deadline = given?.deadline;
    if (deadline === undefined || deadline instanceof Deadline) return given as CallBounds | undefined;
    return { ...given, deadline: Deadline.from(this.#runtime.clock, deadline) };
  }

  /** Returns the milliseconds that an attempt gets if no caller sets less. */
  #allottedMs(options: CallBounds | undefined): number {
    const { timeout, deadline } = this.#parts;
    const least = Math.min(timeout?.ms ?? Infinity, deadline?.ms ?? Infinity, options?.deadline?.usualMs ?? Infinity);
    return least === Infinity ? usualMs : least;
  }

  /** Runs work under a breaker alone, without timer, queue or signal. */
  async #throughBreaker<T>(work: Work): Promise<T> {
    const breaker = this.#parts.breaker as Breaker;
    const { clock } = this.#runtime;
    const admission = breaker.admit(breaker.timed ? clock.monotonic() : 0);
    try {
      const value = (await work(new PlainContext())) as T;
      breaker.succeeded(admission, breaker.timed ? clock.monotonic() : 0);
      return value;
    } catch (error) {
      breaker.settled(admission, clock.monotonic(), error);
      throw error;
    }
  }

  async #retryLoop<T>(work: Work, until: number, options: CallBounds | undefined): Promise<T> {
    const { retry, fallback } = this.#parts;
    const { clock, observe } = this.#runtime;
    const signal = options?.signal;
    for (let tried = 1; ; tried++) {
      const now = clock.monotonic();
      try {
        const value = await this.#attempt<T>(work, tried, until, options, now, this.#parts);
        retry?.budget?.succeeded();
        return value;
      } catch (error) {
        if (signal?.aborted) throw error;
        const wait = retry ? this.#waitMs(retry, tried, error, isShortened(until - now, this.#allottedMs(options))) : undefined;
        if (wait === undefined || clock.monotonic() + wait >= until) {
          if (fallback) return this.#runFallback(fallback, error, options);
          throw error;
        }
        observe.count('seaworthy_policy_retries_total', { policy: this.#name });
        if (wait > 0) await sleep(clock, wait, signal);
      }
    }
  }

  /** Returns the milliseconds until the next attempt; `undefined` if there is none. */
  #waitMs(retry: Retry, tried: number, error: unknown, shortened: boolean): number | undefined {
    if (isA(error, DeadlineExceeded)) return undefined;
    try {
      return retry.waitMs(tried, error, this.#runtime.random, shortened);
    } catch (thrown) {
      this.#runtime.observe.log('error', `retry \`when\` of policy ${this.#name} threw; not retrying`, { error: thrown });
      return undefined;
    }
  }

  /** Runs the fallback. The deadline of the caller bounds it, the deadline of the policy does not. */
  #runFallback<T>(fallback: FallbackPart<unknown>, error: unknown, options: CallBounds | undefined): Promise<T> {
    const { clock, observe } = this.#runtime;
    const now = clock.monotonic();
    const until = options?.deadline?.at ?? Number.POSITIVE_INFINITY;
    if (now >= until) return Promise.reject(error);
    observe.count('seaworthy_policy_fallbacks_total', { policy: this.#name });
    return this.#attempt(() => fallback.value(error), 1, until, options, now, {});
  }

  /** Makes one attempt: with an admission of the breaker and a slot of the bulkhead, within timeout, deadline and the caller's signal. */
  #attempt<T>(
    work: Work,
    tried: number,
    until: number,
    options: CallBounds | undefined,
    now: number,
    { breaker, bulkhead, timeout }: ChosenParts,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const signal = options?.signal;
      if (signal?.aborted) return reject(signal.reason);
      if (now >= until) return reject(new DeadlineExceeded('the attempt was not started: the deadline has passed'));
      const admission = breaker?.admit(now);
      const attempt = new Attempt(this.#runtime.clock, this.#wheel, tried, resolve as Settle, reject);
      attempt.breaker = breaker;
      attempt.admission = admission;
      attempt.caller = signal;
      if (timeout) attempt.limitMs = timeout.ms;
      attempt.until = until;
      attempt.allottedMs = this.#allottedMs(options);
      attempt.key = options?.key;
      if (!bulkhead) return attempt.begin(work, now);
      attempt.bulkhead = bulkhead;
      if (bulkhead.tryEnter()) attempt.begin(work, now);
      else attempt.queue(work, now);
    });
  }
}
