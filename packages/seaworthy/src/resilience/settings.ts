import { type Duration, milliseconds } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Classify } from './classify.ts';
import { atLeast, PolicyInvalid, rate } from './errors.ts';

export interface BreakerOptions {
  /** In metrics, logs and messages. Default `breaker`. */
  readonly name?: string;
  /** Trips after so many failures in a row. Default 5, or never when a rate is given. */
  readonly failures?: number;
  /** Trips when this share of the window's calls failed. Default none. */
  readonly failureRate?: number;
  /** Trips when this share of the window's calls took longer than `slowAfter`. Default none. */
  readonly slowRate?: number;
  /** Default 5 s. */
  readonly slowAfter?: Duration;
  /** Calls in the window before a rate means anything. Default 20. */
  readonly minimumCalls?: number;
  /** What the rates look back on. Default 30 s. */
  readonly window?: Duration;
  /** How long it stays open; longer if the callee's `Retry-After` says so, up to an hour. Default 30 s. */
  readonly openFor?: Duration;
  /** Doubles the open time each time a probe fails, up to this, with jitter. Default `openFor`: no growth. */
  readonly openForMax?: Duration;
  /** Probes that must succeed to close it. Default 2. */
  readonly successes?: number;
  /** Probes that may fail before it opens again. Default 0. */
  readonly probeFailures?: number;
  /** Probes at one time; others are rejected. Default `successes` + `probeFailures`. */
  readonly probes?: number;
  /** A probe without an outcome for so long counts as failed. Default 30 s. */
  readonly probeLease?: Duration;
  /** Once closed again, admits a share of the calls that grows from a tenth to all over this time. Default `0s`: all at once. */
  readonly ramp?: Duration;
  /** What an error says of the callee. Default `classify`; what it throws counts as a failure. */
  readonly classify?: Classify;
  /** Where it reports to. Default the runtime of the first policy that it stands in. */
  readonly runtime?: Runtime;
}

/** Options with every default in its place, in milliseconds. */
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
  readonly rampMs: number;
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
    rampMs: milliseconds(options.ramp ?? '0s', 'breaker ramp'),
  };
}

const shared = new Map<string, Settings>();

/** Breakers are many, one a callee or a key, and their options few: equal ones share what was made of them. */
export function sharedSettings({ name: _, runtime: __, classify: ___, ...options }: BreakerOptions): Settings {
  const key = JSON.stringify(options);
  const known = shared.get(key);
  if (known) return known;
  const settings = settingsOf(options);
  if (shared.size < 1000) shared.set(key, settings);
  return settings;
}
