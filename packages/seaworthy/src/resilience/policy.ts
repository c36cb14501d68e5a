import { type Deadline, DeadlineExceeded } from '../core/deadline.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { isA } from '../core/thrown.ts';
import { type Wheel, wheelOf } from '../core/wheel.ts';
import { Attempt, isHurried } from './attempt.ts';
import type { Breaker } from './breaker.ts';
import type { Bulkhead } from './bulkhead.ts';
import { PolicyInvalid } from './errors.ts';
import type { DeadlinePart, FallbackPart, Part, TimeoutPart } from './parts.ts';
import type { Retry } from './retry.ts';

/** What the work gets. */
export interface WorkContext {
  /** Aborts when the attempt is over: timed out, past the deadline, or its caller has left. Made when first asked for. */
  readonly signal: AbortSignal;
  /** From 1. */
  readonly attempt: number;
}

export interface GuardOptions {
  /** The caller's own way to leave. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The caller's own deadline; the earlier one holds. An attempt that it leaves less time than the policy gives says nothing of
   * the callee when it is late. The policy gives its `timeout`, else its `deadline`, else 5 s.
   */
  readonly deadline?: Deadline | undefined;
  /** The idempotency key of the work: the breaker counts failures under one key once, however often it is repeated. Default none. */
  readonly key?: string | undefined;
}

/** Runs work under a policy. Rejects with what the last attempt threw, or with why there was none. */
export type Guard<F = never> = <T>(work: (context: WorkContext) => PromiseLike<T> | T, options?: GuardOptions) => Promise<T | F>;

/** What can take its clock from a runtime and report to it. */
export interface Attachable {
  /** Does so from now on, unless it does with another runtime already. Returns how to end it. */
  attach(runtime: Runtime): () => void;
}

/** A guard that can be taken out of the gauges, with its breaker and bulkhead, when there is no further use for it. */
export type Policy<F = never> = Guard<F> & Attachable & { dispose(): void };

interface Parts {
  deadline?: DeadlinePart;
  fallback?: FallbackPart<unknown>;
  retry?: Retry;
  breaker?: Breaker;
  bulkhead?: Bulkhead;
  timeout?: TimeoutPart;
}

const standard = systemRuntime();
/** For an attempt of a policy that bounds nothing by itself. */
const usualMs = 5000;

type FallbackOf<P> = P extends FallbackPart<infer F> ? F : never;

/**
 * Composes a policy. Whatever their order here, the parts work from the outside in as: deadline, fallback, retry, breaker,
 * bulkhead, timeout. So every attempt is seen by the breaker, and a wait in the bulkhead's queue does not count as slow.
 * Throws `PolicyInvalid` when a part is given twice.
 */
export function policy<const P extends readonly Part[]>(...parts: P): Policy<FallbackOf<P[number]>> {
  return policyOn(standard, ...parts);
}

/** The same, on a given runtime, which also gets the reports of its breaker and bulkhead unless they have one. */
export function policyOn<const P extends readonly Part[]>(runtime: Runtime, ...parts: P): Policy<FallbackOf<P[number]>> {
  const chosen: Record<string, unknown> = {};
  for (const part of parts) {
    if (chosen[part.kind]) throw new PolicyInvalid(`a policy takes one ${part.kind}, got two: merge them`);
    chosen[part.kind] = part;
  }
  const { breaker, bulkhead } = chosen as Parts;
  if (runtime !== standard) breaker?.attach(runtime);
  bulkhead?.attach(runtime);
  const guard = new PolicyGuard(runtime, chosen as Parts);
  const run: Guard<unknown> = (work, options) => guard.run(work, options);
  const dispose = (): void => {
    breaker?.dispose();
    bulkhead?.dispose();
  };
  const attach = (own: Runtime): (() => void) => guard.attach(own);
  return Object.assign(run, { attach, dispose }) as Policy<FallbackOf<P[number]>>;
}

type Work = (context: WorkContext) => unknown;
type Settle = (value: unknown) => void;

/** What work sees when nothing ends it early. */
class Unwatched implements WorkContext {
  readonly attempt = 1;

  get signal(): AbortSignal {
    return new AbortController().signal;
  }
}

class PolicyGuard {
  #runtime: Runtime;
  readonly #parts: Parts;
  #wheel: Wheel;
  readonly #name: string;
  readonly #lean: boolean;

  constructor(runtime: Runtime, parts: Parts) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#wheel = wheelOf(runtime.clock);
    this.#name = parts.breaker?.name ?? parts.bulkhead?.name ?? 'policy';
    const kinds = Object.keys(parts);
    this.#lean = kinds.length === 1 && kinds[0] === 'breaker';
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

  run<T>(work: Work, options: GuardOptions | undefined): Promise<T> {
    if (this.#lean && !options) return this.#throughBreaker(work);
    const now = this.#runtime.clock.monotonic();
    const own = this.#parts.deadline ? now + this.#parts.deadline.ms : Number.POSITIVE_INFINITY;
    const until = options?.deadline && options.deadline.at < own ? options.deadline.at : own;
    return this.#parts.retry || this.#parts.fallback
      ? this.#rounds(work, until, options)
      : this.#attempt(work, 1, until, options, now, this.#parts);
  }

  /** What an attempt has when no caller asks for less. */
  #fairMs(options: GuardOptions | undefined): number {
    const { timeout, deadline } = this.#parts;
    const least = Math.min(timeout?.ms ?? Infinity, deadline?.ms ?? Infinity, options?.deadline?.usualMs ?? Infinity);
    return least === Infinity ? usualMs : least;
  }

  /** Nothing but a breaker: no timer, no queue, no caller to watch. */
  async #throughBreaker<T>(work: Work): Promise<T> {
    const breaker = this.#parts.breaker as Breaker;
    const { clock } = this.#runtime;
    const admission = breaker.admit(breaker.timed ? clock.monotonic() : 0);
    try {
      const value = (await work(new Unwatched())) as T;
      breaker.succeeded(admission, breaker.timed ? clock.monotonic() : 0);
      return value;
    } catch (error) {
      breaker.settled(admission, clock.monotonic(), error);
      throw error;
    }
  }

  async #rounds<T>(work: Work, until: number, options: GuardOptions | undefined): Promise<T> {
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
        const wait = retry ? this.#waitMs(retry, tried, error, isHurried(until - now, this.#fairMs(options))) : undefined;
        if (wait === undefined || clock.monotonic() + wait >= until) {
          if (fallback) return this.#instead(fallback, error, options);
          throw error;
        }
        observe.count('seaworthy_policy_retries_total', { policy: this.#name });
        if (wait > 0) await sleep(clock, wait, signal);
      }
    }
  }

  /** Milliseconds until the next try; `undefined`: none. */
  #waitMs(retry: Retry, tried: number, error: unknown, hurried: boolean): number | undefined {
    if (isA(error, DeadlineExceeded)) return undefined;
    try {
      return retry.waitMs(tried, error, this.#runtime.random, hurried);
    } catch (thrown) {
      this.#runtime.observe.log('error', `retry \`when\` of policy ${this.#name} threw; not retrying`, { error: thrown });
      return undefined;
    }
  }

  /** The policy's own deadline may have passed: that is what a fallback is for. The caller's bounds it too. */
  #instead<T>(fallback: FallbackPart<unknown>, error: unknown, options: GuardOptions | undefined): Promise<T> {
    const { clock, observe } = this.#runtime;
    const now = clock.monotonic();
    const until = options?.deadline?.at ?? Number.POSITIVE_INFINITY;
    if (now >= until) return Promise.reject(error);
    observe.count('seaworthy_policy_fallbacks_total', { policy: this.#name });
    return this.#attempt(() => fallback.value(error), 1, until, options, now, {});
  }

  /** One attempt: admitted by the breaker, with a slot of the bulkhead, bounded by timeout, deadline and the caller. */
  #attempt<T>(
    work: Work,
    tried: number,
    until: number,
    options: GuardOptions | undefined,
    now: number,
    { breaker, bulkhead, timeout }: Parts,
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
      attempt.fairMs = this.#fairMs(options);
      attempt.key = options?.key;
      if (!bulkhead) return attempt.begin(work, now);
      attempt.bulkhead = bulkhead;
      if (bulkhead.tryEnter()) attempt.begin(work, now);
      else attempt.queue(work, now);
    });
  }
}
