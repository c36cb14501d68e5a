import { backoffMs } from '../core/backoff.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Random } from '../core/random.ts';
import { isA } from '../core/thrown.ts';
import { classify, isLate, retryAfterOf } from './classify.ts';
import { atLeast, BreakerOpen, LocalRejection } from './errors.ts';

/**
 * Tokens that retries of all callers to one upstream share (gRFC A6): a retry needs more than half of them, a failure
 * takes one, a success gives a tenth back. So a callee that is down gets no storm of retries.
 */
export class RetryBudget {
  readonly #most: number;
  #tokens: number;

  constructor(tokens = 10) {
    this.#most = tokens;
    this.#tokens = tokens;
  }

  get open(): boolean {
    return this.#tokens > this.#most / 2;
  }

  failed(): void {
    this.#tokens = Math.max(0, this.#tokens - 1);
  }

  succeeded(): void {
    this.#tokens = Math.min(this.#most, this.#tokens + 0.1);
  }
}

export interface RetryOptions {
  /** Tries in all, the first one too. Default 3. */
  readonly attempts?: number;
  /** The longest wait before the second try; it doubles with each. Default 50 ms, for requests; jobs take 2 s. */
  readonly base?: Duration;
  /** No wait is longer. What the callee asks for beyond it is not waited for at all. Default 2 s; jobs take 10 s. */
  readonly cap?: Duration;
  /** Whether an error is worth another try. Default: what the callee did wrong, and a breaker that says when it opens. */
  readonly when?: (error: unknown) => boolean;
  /** Shared by all who call one upstream. Default none. */
  readonly budget?: RetryBudget;
}

/** Repeats what failed. Only for work that may be done twice: reads, and writes under an idempotency key. */
export interface Retry {
  readonly kind: 'retry';
  readonly attempts: number;
  readonly budget: RetryBudget | undefined;
  readonly when: (error: unknown) => boolean;
  /**
   * Milliseconds to wait after the `tried`th try failed with `error`; `undefined`: give up. That a `hurried` try was late takes
   * nothing from the budget: it had less time than its policy gives. Default false.
   */
  waitMs(tried: number, error: unknown, random: Random, hurried?: boolean): number | undefined;
}

const worthIt = (error: unknown): boolean => (isA(error, BreakerOpen) ? error.retryAfterMs !== undefined : classify(error) === 'failure');

/** Retries with exponential backoff and full jitter (AWS, "Exponential Backoff And Jitter", 2015): a random wait up to base × 2ⁿ. */
export function retry(options: RetryOptions = {}): Retry {
  const attempts = atLeast(1, options.attempts ?? 3, 'retry attempts');
  const baseMs = milliseconds(options.base ?? '50ms', 'retry base');
  const capMs = milliseconds(options.cap ?? '2s', 'retry cap');
  const when = options.when ?? worthIt;
  return {
    kind: 'retry',
    attempts,
    budget: options.budget,
    when,
    waitMs(tried, error, random, hurried = false) {
      const worth = when(error);
      // Our own refusals never reached the callee: they take nothing from what its callers share.
      if (worth && !isA(error, LocalRejection) && !(hurried && isLate(error))) options.budget?.failed();
      if (!worth || tried >= attempts || options.budget?.open === false) return undefined;
      const asked = retryAfterOf(error);
      if (asked !== undefined && (asked < 0 || asked > capMs)) return undefined;
      const backoff = backoffMs({ baseMs, capMs, jitter: 'full' }, tried, random);
      // Jitter on top of what was asked for: all who were told the same moment must not come at it together.
      // And nobody comes sooner for having been told a moment that has passed.
      return asked === undefined ? backoff : Math.max(backoff, asked + random.next() * Math.min(baseMs, asked / 10));
    },
  };
}

/** For jobs that nobody waits for: 3 attempts, 2 s to 10 s. */
export const jobRetry = (options: RetryOptions = {}): Retry => retry({ base: '2s', cap: '10s', ...options });
