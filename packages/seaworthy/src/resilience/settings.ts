import { type Duration, milliseconds } from '../core/duration.ts';
import { checkOptions, type OptionNames } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Classify } from './classify.ts';
import { atLeast, PolicyInvalid, rate } from './errors.ts';

/** The options of a breaker. */
export interface BreakerOptions {
  /** The name in metrics, logs and messages. Default `breaker`. */
  readonly name?: string;
  /** The number of failures in a row that opens it. Default 5, or never when a rate is given. */
  readonly failures?: number;
  /** The share of failed calls in the window that opens it, above 0 and at most 1. Default none. */
  readonly failureRate?: number;
  /** The share of slow calls in the window that opens it, above 0 and at most 1. Default none. */
  readonly slowRate?: number;
  /** The duration from which a call counts as slow. Default 5 s. */
  readonly slowAfter?: Duration;
  /** The number of calls in the window from which on the rates take effect. Default 20. */
  readonly minimumCalls?: number;
  /** The window over which the rates are taken. Default 30 s. */
  readonly window?: Duration;
  /** The time that it stays open; longer if the callee's `Retry-After` asks for it, up to an hour. Default 30 s. */
  readonly openFor?: Duration;
  /** The longest open time; the open time doubles, with jitter, each time a probe fails. Default `openFor`, which means no growth. */
  readonly openForMax?: Duration;
  /** The number of probes that must succeed to close it. Default 2. */
  readonly successes?: number;
  /** The number of probes that may fail before it opens again. Default 0. */
  readonly probeFailures?: number;
  /** The number of probes in flight; further calls are rejected. Default `successes` + `probeFailures`. */
  readonly probes?: number;
  /** The time after which a probe without an outcome counts as failed. Default 30 s. */
  readonly probeLease?: Duration;
  /** The time after closing in which the share of admitted calls grows from a tenth to all. Default `0s`: all at once. */
  readonly slowStart?: Duration;
  /** Classifies errors; an error that it throws counts as a failure of the callee. Default `classify`. */
  readonly classify?: Classify;
  /** The runtime that it reports to. Default that of its first policy. */
  readonly runtime?: Runtime;
}

const names: OptionNames<BreakerOptions> = {
  ...{ name: true, failures: true, failureRate: true, slowRate: true, slowAfter: true, minimumCalls: true, window: true },
  ...{ openFor: true, openForMax: true, successes: true, probeFailures: true, probes: true, probeLease: true, slowStart: true },
  ...{ classify: true, runtime: true },
};

/** The options with all defaults, in milliseconds. */
export interface Settings {
  readonly failures: number;
  readonly failureRate: number;
  readonly slowRate: number;
  readonly slowAfterMs: number;
  readonly minimumCalls: number;
  readonly windowMs: number;
  readonly openForMs: number;
  readonly openForMaxMs: number;
  readonly successes: number;
  readonly probeFailures: number;
  readonly probes: number;
  readonly probeLeaseMs: number;
  readonly slowStartMs: number;
}

function settingsOf(options: BreakerOptions): Settings {
  const rated = options.failureRate !== undefined || options.slowRate !== undefined;
  const successes = atLeast(1, options.successes ?? 2, 'breaker successes');
  const probeFailures = atLeast(0, options.probeFailures ?? 0, 'breaker probeFailures');
  const openForMs = milliseconds(options.openFor ?? '30s', 'breaker openFor');
  const windowMs = milliseconds(options.window ?? '30s', 'breaker window');
  if (windowMs < 10) throw new PolicyInvalid(`breaker window must be at least 10ms, got ${options.window}`);
  return {
    failures: options.failures === undefined ? (rated ? Number.POSITIVE_INFINITY : 5) : atLeast(1, options.failures, 'breaker failures'),
    failureRate: options.failureRate === undefined ? Number.POSITIVE_INFINITY : rate(options.failureRate, 'breaker failureRate'),
    slowRate: options.slowRate === undefined ? Number.POSITIVE_INFINITY : rate(options.slowRate, 'breaker slowRate'),
    slowAfterMs: options.slowRate === undefined ? Number.POSITIVE_INFINITY : milliseconds(options.slowAfter ?? '5s', 'breaker slowAfter'),
    minimumCalls: atLeast(1, options.minimumCalls ?? 20, 'breaker minimumCalls'),
    windowMs: rated ? windowMs : 0,
    openForMs,
    openForMaxMs: Math.max(openForMs, options.openForMax === undefined ? 0 : milliseconds(options.openForMax, 'breaker openForMax')),
    successes,
    probeFailures,
    probes: atLeast(1, options.probes ?? successes + probeFailures, 'breaker probes'),
    probeLeaseMs: milliseconds(options.probeLease ?? '30s', 'breaker probeLease'),
    slowStartMs: milliseconds(options.slowStart ?? '0s', 'breaker slowStart'),
  };
}

const shared = new Map<string, Settings>();

/** Resolves options to settings. Equal options share one object, since many breakers, one for each callee or key, have the same. */
export function sharedSettings(given: BreakerOptions): Settings {
  checkOptions('breaker', given, names);
  const { name: _, runtime: __, classify: ___, ...options } = given;
  const key = JSON.stringify(options);
  const known = shared.get(key);
  if (known) return known;
  const settings = settingsOf(options);
  if (shared.size < 1000) shared.set(key, settings);
  return settings;
}
