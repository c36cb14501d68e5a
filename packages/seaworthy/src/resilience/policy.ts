import { type Deadline, DeadlineExceeded } from '../core/deadline.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { type Wheel, wheelOf } from '../core/wheel.ts';
import { Attempt } from './attempt.ts';
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
  /** The caller's own deadline; the earlier one holds. */
  readonly deadline?: Deadline | undefined;
}

/** Runs work under a policy. Rejects with what the last attempt threw, or with why there was none. */
export type Guard<F = never> = <T>(work: (context: WorkContext) => PromiseLike<T> | T, options?: GuardOptions) => Promise<T | F>;

interface Parts {
  deadline?: DeadlinePart;
  fallback?: FallbackPart<unknown>;
  retry?: Retry;
  breaker?: Breaker;
  bulkhead?: Bulkhead;
  timeout?: TimeoutPart;
}

type FallbackOf<P> = P extends FallbackPart<infer F> ? F : never;

/**
 * Composes a policy. Whatever their order here, the parts work from the outside in as: deadline, fallback, retry, breaker,
 * bulkhead, timeout. So every attempt is seen by the breaker, and a wait in the bulkhead's queue does not count as slow.
 * Throws `PolicyInvalid` when a part is given twice.
 */
export function policy<const P extends readonly Part[]>(...parts: P): Guard<FallbackOf<P[number]>> {
  return policyOn(systemRuntime(), ...parts);
}

/** The same, on a given runtime. */
export function policyOn<const P extends readonly Part[]>(runtime: Runtime, ...parts: P): Guard<FallbackOf<P[number]>> {
  const chosen: Record<string, unknown> = {};
  for (const part of parts) {
    if (chosen[part.kind]) throw new PolicyInvalid(`a policy has its ${part.kind} once: combine the two`);
    chosen[part.kind] = part;
  }
  const guard = new PolicyGuard(runtime, chosen as Parts);
  const run: Guard<unknown> = (work, options) => guard.run(work, options);
  return run as Guard<FallbackOf<P[number]>>;
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
  readonly #runtime: Runtime;
  readonly #parts: Parts;
  readonly #wheel: Wheel;
  readonly #lean: boolean;

  constructor(runtime: Runtime, parts: Parts) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#wheel = wheelOf(runtime.clock);
    const kinds = Object.keys(parts);
    this.#lean = kinds.length === 1 && kinds[0] === 'breaker';
  }

  run<T>(work: Work, options: GuardOptions | undefined): Promise<T> {
    if (this.#lean && !options) return this.#throughBreaker(work);
    const now = this.#runtime.clock.monotonic();
    const own = this.#parts.deadline ? now + this.#parts.deadline.ms : Number.POSITIVE_INFINITY;
    const until = options?.deadline && options.deadline.at < own ? options.deadline.at : own;
    return this.#parts.retry || this.#parts.fallback
      ? this.#rounds(work, until, options?.signal)
      : this.#attempt(work, 1, until, options?.signal, now);
  }

  /** Nothing but a breaker: no timer, no queue, no caller to watch. */
  async #throughBreaker<T>(work: Work): Promise<T> {
    const breaker = this.#parts.breaker as Breaker;
    const { clock } = this.#runtime;
    const admission = breaker.timed ? breaker.admit(clock.monotonic()) : breaker.admitUntimed();
    try {
      const value = (await work(new Unwatched())) as T;
      breaker.succeeded(admission, breaker.timed ? clock.monotonic() : 0);
      return value;
    } catch (error) {
      if (breaker.classify(error) === 'failure') breaker.failed(admission, clock.monotonic(), error);
      else breaker.ignored(admission);
      throw error;
    }
  }

  async #rounds<T>(work: Work, until: number, signal: AbortSignal | undefined): Promise<T> {
    const { retry, fallback } = this.#parts;
    const { clock, random } = this.#runtime;
    for (let tried = 1; ; tried++) {
      try {
        const value = await this.#attempt<T>(work, tried, until, signal, clock.monotonic());
        retry?.budget?.succeeded();
        return value;
      } catch (error) {
        if (signal?.aborted) throw error;
        if (retry?.budget && retry.when(error)) retry.budget.failed();
        const wait = error instanceof DeadlineExceeded ? undefined : retry?.waitMs(tried, error, random);
        if (wait === undefined || clock.monotonic() + wait >= until) {
          if (fallback) return fallback.value(error) as T;
          throw error;
        }
        if (wait > 0) await sleep(clock, wait, signal);
      }
    }
  }

  /** One attempt: admitted by the breaker, with a slot of the bulkhead, bounded by timeout, deadline and the caller. */
  #attempt<T>(work: Work, tried: number, until: number, signal: AbortSignal | undefined, now: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (now >= until) return reject(new DeadlineExceeded('the attempt was not begun: the deadline has passed'));
      const { breaker, bulkhead, timeout } = this.#parts;
      const admission = breaker?.admit(now);
      const attempt = new Attempt(this.#runtime.clock, this.#wheel, tried, resolve as Settle, reject);
      attempt.breaker = breaker;
      attempt.admission = admission;
      attempt.caller = signal;
      attempt.limitMs = timeout ? timeout.ms : Number.POSITIVE_INFINITY;
      attempt.until = until;
      if (!bulkhead) return attempt.begin(work, now);
      attempt.bulkhead = bulkhead;
      if (bulkhead.tryEnter()) attempt.begin(work, now);
      else attempt.queue(work, now);
    });
  }
}
