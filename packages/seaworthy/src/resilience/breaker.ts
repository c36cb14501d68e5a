import { type Duration, milliseconds } from '../core/duration.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import type { Classify } from './classify.ts';
import { classify as byDefault, retryAfterOf } from './classify.ts';
import { atLeast, BreakerOpen, PolicyInvalid, rate } from './errors.ts';
import { Window } from './window.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';
/** What a person may set by hand: `auto` leaves it to the breaker. `metrics-only` counts and never rejects. */
export type BreakerMode = 'auto' | 'forced-open' | 'disabled' | 'metrics-only';

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
  /** How long it stays open; longer if the callee's `Retry-After` says so. Default 30 s. */
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
  readonly classify?: Classify;
  readonly runtime?: Runtime;
}

interface Settings {
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
  if (windowMs < 10) throw new PolicyInvalid(`breaker window is ${options.window}: it takes at least 10ms`);
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

const standard = systemRuntime();
const shared = new Map<string, Settings>();

/** Breakers are many, one a callee or a key, and their options few: equal ones share what was made of them. */
function sharedSettings({ name: _, runtime: __, classify: ___, ...options }: BreakerOptions): Settings {
  const key = JSON.stringify(options);
  const known = shared.get(key);
  if (known) return known;
  const settings = settingsOf(options);
  if (shared.size < 1000) shared.set(key, settings);
  return settings;
}

/** What an admitted call holds until its outcome: the generation that it belongs to, and when it began. */
export interface Admission {
  readonly generation: number;
  readonly at: number;
}

/**
 * Stops calling a callee that fails, and finds out when it is well again. Results of calls that were admitted in an
 * earlier state never change a later one (Sony's gobreaker calls this a generation).
 */
export class Breaker {
  readonly kind = 'breaker';
  readonly name: string;
  readonly classify: Classify;
  readonly #runtime: Runtime;
  #settings: Settings;
  #untimed: Admission | undefined;
  #window: Window | undefined;
  #state: BreakerState = 'closed';
  #mode: BreakerMode = 'auto';
  #generation = 0;
  #inARow = 0;
  #openUntil = 0;
  #opened = 0;
  #closedAt = Number.NEGATIVE_INFINITY;
  #probes: Set<Admission> | undefined;
  #probesWell = 0;
  #probesFailed = 0;

  constructor(options: BreakerOptions = {}) {
    this.name = options.name ?? 'breaker';
    this.classify = options.classify ?? byDefault;
    this.#runtime = options.runtime ?? standard;
    this.#settings = sharedSettings(options);
    if (this.#settings.windowMs > 0) this.#window = new Window(this.#settings.windowMs);
  }

  /** The state as of now: an open breaker whose time is over is half-open with the next call. */
  get state(): BreakerState {
    return this.#state;
  }

  get mode(): BreakerMode {
    return this.#mode;
  }

  /** Sets it by hand. What was admitted before changes nothing any more. */
  set(mode: BreakerMode): void {
    this.#mode = mode;
    this.#generation++;
    this.#runtime.observe.log('info', `the breaker ${this.name} was set to ${mode}`, { breaker: this.name, mode });
  }

  /** Takes new options at once. Counts are kept when the window stays the same; the state is kept. */
  configure(options: Omit<BreakerOptions, 'name' | 'runtime' | 'classify'>): void {
    const settings = sharedSettings(options);
    if (settings.windowMs !== this.#settings.windowMs) this.#window = settings.windowMs > 0 ? new Window(settings.windowMs) : undefined;
    this.#settings = settings;
    this.#generation++;
    this.#probes?.clear();
  }

  /** Whether anything depends on the time of a call: reading the clock is much of what a call costs. */
  get timed(): boolean {
    return this.#state !== 'closed' || this.#mode !== 'auto' || this.#window !== undefined || this.#settings.rampMs > 0;
  }

  /** Admits a call without looking at the clock; only while it is not `timed`. One admission serves a whole generation. */
  admitUntimed(): Admission {
    if (this.#untimed?.generation !== this.#generation) this.#untimed = { generation: this.#generation, at: 0 };
    return this.#untimed;
  }

  /** Admits a call, or throws `BreakerOpen`, which says when to come again. */
  admit(now: number): Admission {
    if (this.#state !== 'closed' || this.#mode !== 'auto' || this.#settings.rampMs > 0) this.#gate(now);
    const admission = { generation: this.#generation, at: now };
    if (this.#state === 'half-open' && this.#mode === 'auto') this.#probes?.add(admission);
    return admission;
  }

  #gate(now: number): void {
    if (this.#mode === 'disabled' || this.#mode === 'metrics-only') return;
    if (this.#mode === 'forced-open') this.#reject(undefined, 'was opened by hand');
    if (this.#state === 'open') {
      if (now < this.#openUntil) this.#reject(this.#openUntil - now, 'is open');
      this.#halfOpen();
    }
    if (this.#state === 'half-open') {
      for (const probe of this.#probes as Set<Admission>) {
        // Nobody will hear of it any more, or too late: without this a hung probe would hold the breaker for ever.
        if (now - probe.at >= this.#settings.probeLeaseMs) {
          this.#probes?.delete(probe);
          this.#probeFailed(now, undefined);
          if (this.#state !== 'half-open') this.#reject(this.#openUntil - now, 'is open');
        }
      }
      if ((this.#probes as Set<Admission>).size >= this.#settings.probes)
        this.#reject(this.#nextProbe(now), 'is half-open and waits for its probes');
      return;
    }
    const ramped = this.#settings.rampMs > 0 ? (now - this.#closedAt) / this.#settings.rampMs : 1;
    if (ramped < 1 && this.#runtime.random.next() > 0.1 + 0.9 * ramped)
      this.#reject(this.#settings.rampMs / 10, 'admits a growing share of the calls');
  }

  /** A probe usually takes as long as a call does: there is no better guess than a tenth of the open time. */
  #nextProbe(now: number): number {
    let first = Number.POSITIVE_INFINITY;
    for (const probe of this.#probes as Set<Admission>) first = Math.min(first, probe.at + this.#settings.probeLeaseMs - now);
    return Math.min(first, this.#settings.openForMs / 10);
  }

  #reject(retryAfterMs: number | undefined, why: string): never {
    this.#runtime.observe.count('seaworthy_breaker_rejected_total', { breaker: this.name });
    const later = retryAfterMs === undefined ? 'set it back to auto' : `try again in ${Math.ceil(retryAfterMs)} ms`;
    throw new BreakerOpen(`the breaker ${this.name} ${why}: ${later}`, { retryAfterMs });
  }

  succeeded(admission: Admission, now: number): void {
    const slow = now - admission.at >= this.#settings.slowAfterMs;
    this.#window?.add(now, false, slow);
    if (admission.generation !== this.#generation || this.#mode !== 'auto') return;
    if (this.#state === 'half-open') {
      this.#probes?.delete(admission);
      if (++this.#probesWell >= this.#settings.successes) this.#close(now);
      return;
    }
    this.#inARow = 0;
    if (slow) this.#judge(now, undefined);
  }

  failed(admission: Admission, now: number, error: unknown): void {
    this.#window?.add(now, true, now - admission.at >= this.#settings.slowAfterMs);
    if (admission.generation !== this.#generation || this.#mode !== 'auto') return;
    const retryAfterMs = retryAfterOf(error);
    if (this.#state === 'half-open') {
      this.#probes?.delete(admission);
      this.#probeFailed(now, retryAfterMs);
      return;
    }
    this.#inARow++;
    this.#judge(now, retryAfterMs);
  }

  /** Says nothing of the callee: a probe gives its place back. */
  ignored(admission: Admission): void {
    if (admission.generation === this.#generation && this.#state === 'half-open') this.#probes?.delete(admission);
  }

  #judge(now: number, retryAfterMs: number | undefined): void {
    if (this.#state !== 'closed') return;
    const { failures, failureRate, slowRate, minimumCalls } = this.#settings;
    const window = this.#window;
    window?.turn(now);
    const rated = window !== undefined && window.calls >= minimumCalls;
    if (this.#inARow >= failures || (rated && (window.failures / window.calls >= failureRate || window.slow / window.calls >= slowRate))) {
      this.#open(now, retryAfterMs);
    }
  }

  #probeFailed(now: number, retryAfterMs: number | undefined): void {
    if (++this.#probesFailed > this.#settings.probeFailures) this.#open(now, retryAfterMs);
  }

  #open(now: number, retryAfterMs: number | undefined): void {
    const { openForMs, openForMaxMs } = this.#settings;
    const grown = Math.min(openForMaxMs, openForMs * 2 ** Math.min(this.#opened, 30));
    const wait = grown > openForMs ? grown * (0.5 + this.#runtime.random.next() / 2) : openForMs;
    this.#opened++;
    this.#openUntil = now + Math.max(wait, retryAfterMs ?? 0);
    this.#enter('open');
  }

  #halfOpen(): void {
    this.#probes = new Set();
    this.#probesWell = 0;
    this.#probesFailed = 0;
    this.#enter('half-open');
  }

  #close(now: number): void {
    this.#inARow = 0;
    this.#opened = 0;
    this.#closedAt = now;
    this.#window?.clear();
    this.#enter('closed');
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#generation++;
    if (state !== 'half-open') this.#probes = undefined;
    const { observe } = this.#runtime;
    observe.count('seaworthy_breaker_transitions_total', { breaker: this.name, to: state });
    observe.log(state === 'open' ? 'warn' : 'info', `the breaker ${this.name} is ${state}`, { breaker: this.name, state });
  }
}

/** Makes a breaker. It may stand in several policies; its state is then one. Throws `PolicyInvalid` for a number out of range. */
export const breaker = (options: BreakerOptions = {}): Breaker => new Breaker(options);
