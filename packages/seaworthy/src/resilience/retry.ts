import { backoffMs } from '../core/backoff.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { checkOptions, type OptionNames } from '../core/options.ts';
import type { Random } from '../core/random.ts';
import { isA } from '../core/thrown.ts';
import { classify, isLate, retryAfterOf } from './classify.ts';
import { atLeast, BreakerOpen, LocalRejection } from './errors.ts';

/**
 * The tokens that the retries of all callers of one upstream share (gRFC A6). A retry needs more than half of them, a failure takes one,
 * and a success gives back a tenth of one. So a callee that is down does not get a storm of retries.
 */
export class RetryBudget {
  readonly #most: number;
  #tokens: number;

  constructor(tokens = 10) {
    this.#most = tokens;
    this.#tokens = tokens;
  }

  /** Whether a retry is allowed. */
  get open(): boolean {
    return this.#tokens > this.#most / 2;
  }

  /** Takes one token. */
  failed(): void {
    this.#tokens = Math.max(0, this.#tokens - 1);
  }

  /** Gives back a tenth of a token. */
  succeeded(): void {
    this.#tokens = Math.min(this.#most, this.#tokens + 0.1);
  }
}

/** The options of a retry. */
export interface RetryOptions {
  /** The number of attempts, the first one included. Default 3. */
  readonly attempts?: number;
  /** The longest wait before the second attempt, which doubles with each further one. Default 50 ms, for jobs 2 s. */
  readonly base?: Duration;
  /** The longest wait. If the callee asks for a longer one, the call is not retried. Default 2 s, for jobs 10 s. */
  readonly cap?: Duration;
  /** Tells whether an error is retried. Default: failures of the callee, and an open breaker that has a time for the next try. */
  readonly when?: (error: unknown) => boolean;
  /** The budget that all callers of one upstream share. Default none. */
  readonly budget?: RetryBudget;
}

const names: OptionNames<RetryOptions> = { attempts: true, base: true, cap: true, when: true, budget: true };

/** Repeats failed work. Use it only for work that may be done twice: reads, and writes under an idempotency key. */
export interface Retry {
  readonly kind: 'retry';
  readonly attempts: number;
  readonly budget: RetryBudget | undefined;
  readonly when: (error: unknown) => boolean;
  /**
   * Returns the milliseconds to wait after attempt number `tried` failed with `error`; `undefined` to give up. The timeout of a `shortened`
   * attempt, which had less time than its policy allots, takes nothing from the budget. Default false.
   */
  waitMs(tried: number, error: unknown, random: Random, shortened?: boolean): number | undefined;
}

const isRetryable = (error: unknown): boolean =>
  isA(error, BreakerOpen) ? error.retryAfterMs !== undefined : classify(error) === 'failure';

/**
 * Retries with exponential backoff and full jitter (AWS, "Exponential Backoff And Jitter", 2015): a random wait up to base × 2ⁿ. Throws
 * `PolicyInvalid` or `DurationInvalid`.
 */
export function retry(options: RetryOptions = {}): Retry {
  checkOptions('retry', options, names);
  const attempts = atLeast(1, options.attempts ?? 3, 'retry attempts');
  const baseMs = milliseconds(options.base ?? '50ms', 'retry base');
  const capMs = milliseconds(options.cap ?? '2s', 'retry cap');
  const when = options.when ?? isRetryable;
  return {
    kind: 'retry',
    attempts,
    budget: options.budget,
    when,
    waitMs(tried, error, random, shortened = false) {
      const worth = when(error);
      // A local rejection never reached the callee, so it takes nothing from the shared budget.
      if (worth && !isA(error, LocalRejection) && !(shortened && isLate(error))) options.budget?.failed();
      if (!worth || tried >= attempts || options.budget?.open === false) return undefined;
      const asked = retryAfterOf(error);
      if (asked !== undefined && (asked < 0 || asked > capMs)) return undefined;
      const backoff = backoffMs({ baseMs, capMs, jitter: 'full' }, tried, random);
      // Jitter on top of the requested wait keeps callers with the same wait from retrying at the same moment.
      // A requested wait that is shorter than the backoff does not shorten it.
      return asked === undefined ? backoff : Math.max(backoff, asked + random.next() * Math.min(baseMs, asked / 10));
    },
  };
}

/** Retries jobs without a waiting caller: 3 attempts, waits of up to 2 s and then up to 10 s. */
export const jobRetry = (options: RetryOptions = {}): Retry => retry({ base: '2s', cap: '10s', ...options });
