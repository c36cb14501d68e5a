import { silent } from '../core/observe.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import { enrol } from './census.ts';
import { classify as byDefault, type Classify, isAbsent, isLate, retryAfterOf, type Verdict } from './classify.ts';
import { BreakerOpen } from './errors.ts';
import { Repeats } from './repeats.ts';
import { type BreakerOptions, type Settings, sharedSettings } from './settings.ts';
import { Window } from './window.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';
/** What a person may set by hand: `auto` leaves it to the breaker. `metrics-only` counts and never rejects, `disabled` does neither. */
export type BreakerMode = 'auto' | 'forced-open' | 'disabled' | 'metrics-only';

/** What an admitted call holds until its outcome: the generation that it belongs to, and when it began. */
export interface Admission {
  readonly generation: number;
  readonly at: number;
}

/** What is known of a call beside its outcome. */
export interface Circumstances {
  /** Under which it is done once. When it fails again under the same key, that is no further failure. */
  readonly key: string | undefined;
  /** It had less time than its policy gives: that it was late says nothing of the callee. */
  readonly hurried: boolean;
}

/** What is known of the calls of the window; without a rate to look at, only the failures in a row. */
export interface BreakerCounts {
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
  readonly failuresInARow: number;
}

const standard = systemRuntime();
const unhurried: Circumstances = { key: undefined, hurried: false };
/** A callee that asks for more is not believed. */
const longestRetryAfterMs = 3_600_000;
const shown = ['closed', 'half-open', 'open', 'forced-open', 'disabled', 'metrics-only'] as const;

/**
 * Stops calling a callee that fails, and finds out when it is well again. Results of calls that were admitted in an
 * earlier state never change a later one (Sony's gobreaker calls this a generation).
 */
export class Breaker {
  readonly kind = 'breaker';
  readonly name: string;
  readonly #classify: Classify;
  #runtime: Runtime = standard;
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
  /** Whether it opened for a share of the window's calls, and not for failures in a row. */
  #byRate = false;
  #repeats: Repeats | undefined;
  #leaveGauges: (() => void) | undefined;

  constructor(options: BreakerOptions = {}) {
    this.name = options.name ?? 'breaker';
    this.#classify = options.classify ?? byDefault;
    this.#settings = sharedSettings(options);
    if (this.#settings.windowMs > 0) this.#window = new Window(this.#settings.windowMs);
    if (options.runtime) this.attach(options.runtime);
  }

  /** The state as of the last call: an open breaker whose time is over is half-open with the next one. */
  get state(): BreakerState {
    return this.#state;
  }

  get mode(): BreakerMode {
    return this.#mode;
  }

  /** The counts as of the last call. */
  get counts(): BreakerCounts {
    const { calls = 0, failures = 0, slow = 0 } = this.#window ?? {};
    return { calls, failures, slow, failuresInARow: this.#inARow };
  }

  /**
   * Reports to this runtime from now on, unless it does to another already. The policy that it stands in does this. Returns how
   * to end it. What it knew by another clock is forgotten.
   */
  attach(runtime: Runtime): () => void {
    if (this.#runtime !== standard) return () => {};
    this.#move(runtime);
    this.#enrol(runtime);
    return () => {
      if (this.#runtime !== runtime) return;
      this.dispose();
      this.#move(standard);
    };
  }

  #move(runtime: Runtime): void {
    if (runtime.clock !== this.#runtime.clock) {
      this.#state = 'closed';
      this.#generation++;
      this.#forgetProbes();
      this.#forgetCounts(Number.NEGATIVE_INFINITY);
      this.#repeats = undefined;
    }
    this.#runtime = runtime;
  }

  #enrol(runtime: Runtime): void {
    if (runtime.observe.gauge === silent.gauge) return;
    const tallies = shown.map((state) => ({
      name: 'seaworthy_breaker_state',
      attributes: { breaker: this.name, state },
      of: (one: Breaker) => ((one.#mode === 'auto' ? one.#state : one.#mode) === state ? 1 : 0),
    }));
    this.#leaveGauges = enrol<Breaker>(runtime.observe, `breaker ${this.name}`, tallies, this);
  }

  /** Leaves the gauges. It works on. */
  dispose(): void {
    this.#leaveGauges?.();
    this.#leaveGauges = undefined;
  }

  /** Sets it by hand. What was admitted before changes nothing any more; probes begin anew. */
  set(mode: BreakerMode): void {
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.#generation++;
    this.#forgetProbes();
    this.#runtime.observe.log('info', `breaker ${this.name} was set to ${mode}`, { breaker: this.name, mode });
  }

  /** Takes new options at once; those left out have their defaults. Counts are kept when the window stays the same; the state is kept. */
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

  /** Admits a call, or throws `BreakerOpen`, which says when to come again. While it is not `timed`, `now` is not looked at. */
  admit(now: number): Admission {
    if (!this.timed) {
      // One admission serves a whole generation.
      if (this.#untimed?.generation !== this.#generation) this.#untimed = { generation: this.#generation, at: now };
      return this.#untimed;
    }
    if (this.#mode === 'auto') this.#gate(now);
    else if (this.#mode === 'forced-open') this.#reject(undefined, 'was opened by hand');
    const admission = { generation: this.#generation, at: now };
    if (this.#state === 'half-open' && this.#mode === 'auto') this.#probes?.add(admission);
    return admission;
  }

  #gate(now: number): void {
    if (this.#state === 'open') {
      if (now < this.#openUntil) this.#reject(this.#openUntil - now, 'is open');
      this.#enter('half-open');
    }
    if (this.#probes) {
      this.#gateProbe(now, this.#probes);
      return;
    }
    const ramped = this.#settings.rampMs > 0 ? (now - this.#closedAt) / this.#settings.rampMs : 1;
    if (ramped < 1 && this.#runtime.random.next() > 0.1 + 0.9 * ramped)
      this.#reject(this.#settings.rampMs / 10, 'has just closed and admits a part of the calls');
  }

  #gateProbe(now: number, probes: Set<Admission>): void {
    const { probeLeaseMs, openForMs } = this.#settings;
    let wait = openForMs / 10;
    for (const probe of probes) {
      const leftMs = probe.at + probeLeaseMs - now;
      wait = Math.min(wait, leftMs);
      // Nobody will hear of it any more, or too late: without this a hung probe would hold the breaker for ever.
      if (leftMs <= 0 && this.#probeFailed(probe, now, undefined)) this.#reject(this.#openUntil - now, 'is open');
    }
    // A probe usually takes as long as a call does: there is no better guess than a tenth of the open time.
    if (probes.size >= this.#settings.probes) this.#reject(Math.max(1, wait), 'is half-open and all its probes are in flight');
  }

  #reject(retryAfterMs: number | undefined, why: string): never {
    this.#runtime.observe.count('seaworthy_breaker_rejected_total', { breaker: this.name });
    const later = retryAfterMs === undefined ? 'set it back to auto' : `try again in ${Math.ceil(retryAfterMs)} ms`;
    throw new BreakerOpen(`breaker ${this.name} ${why}: ${later}`, { retryAfterMs });
  }

  succeeded(admission: Admission, now: number, key?: string): void {
    if (key !== undefined) this.#repeats?.succeeded(key);
    if (!this.#counts(admission, 'success')) return;
    if (this.#state === 'half-open' && this.#mode === 'auto') {
      this.#probeSucceeded(admission, now);
      return;
    }
    this.#inARow = 0;
    if (!this.#window) return;
    this.#window.add(now, false, now - admission.at >= this.#settings.slowAfterMs);
    this.#judge(now, undefined);
  }

  failed(admission: Admission, now: number, error: unknown, key?: string, verdict: 'failure' | 'fault' = 'failure'): void {
    // Where nobody is, no request is to blame: that one comes again tells as much as another one.
    const repeated = key !== undefined && !isAbsent(error) && this.#repeated(key, now);
    if (!this.#counts(admission, verdict)) return;
    if (this.#state === 'half-open' && this.#mode === 'auto') {
      if (repeated) this.release(admission);
      // It was left alone since it gave no answer: now it gives one.
      else if (verdict === 'fault' && !this.#byRate) this.#probeSucceeded(admission, now);
      else this.#probeFailed(admission, now, error);
      return;
    }
    if (repeated) return;
    if (verdict === 'failure') this.#inARow++;
    this.#window?.add(now, true, now - admission.at >= this.#settings.slowAfterMs);
    this.#judge(now, error);
  }

  #repeated(key: string, now: number): boolean {
    this.#repeats ??= new Repeats();
    return this.#repeats.failed(key, now);
  }

  /** It was cut before it had the time that it should have; but if it was slow by then, it was slow. */
  #cutEarly(admission: Admission, now: number): void {
    if (!this.#counts(admission, 'ignored')) return;
    const slow = this.#state === 'closed' && now - admission.at >= this.#settings.slowAfterMs;
    if (slow && this.#window) {
      this.#window.add(now, false, true);
      this.#judge(now, undefined);
    } else this.release(admission);
  }

  /** Says nothing of the callee: a probe gives its place back. */
  ignored(admission: Admission): void {
    if (this.#counts(admission, 'ignored')) this.release(admission);
  }

  /** As if it had not been admitted. */
  release(admission: Admission): void {
    this.#probes?.delete(admission);
  }

  /** Takes the outcome of work that threw, as `classify` judges it. */
  settled(admission: Admission, now: number, error: unknown, { key, hurried }: Circumstances = unhurried): void {
    const verdict = this.#verdict(error);
    if (verdict === 'success') this.succeeded(admission, now, key);
    else if (verdict === 'ignored') this.ignored(admission);
    else if (hurried && isLate(error)) this.#cutEarly(admission, now);
    else this.failed(admission, now, error, key, verdict);
  }

  #verdict(error: unknown): Verdict {
    try {
      return this.#classify(error);
    } catch (thrown) {
      this.#runtime.observe.log('error', `classify of breaker ${this.name} threw; counting a failure`, { error: thrown });
      return 'failure';
    }
  }

  /** Whether an outcome may change what the breaker knows: those of an earlier generation are in the metrics only. */
  #counts(admission: Admission, outcome: Verdict): boolean {
    const current = admission.generation === this.#generation;
    const { observe } = this.#runtime;
    if (observe.count !== silent.count && this.#mode !== 'disabled')
      observe.count('seaworthy_breaker_calls_total', { breaker: this.name, outcome: current ? outcome : 'late' });
    return current && (this.#mode === 'auto' || this.#mode === 'metrics-only');
  }

  #judge(now: number, error: unknown): void {
    if (this.#mode !== 'auto') return;
    const { failures, failureRate, slowRate, minimumCalls } = this.#settings;
    const window = this.#window;
    const rated = window !== undefined && window.calls >= minimumCalls;
    const inARow = this.#inARow >= failures;
    if (!inARow && !(rated && (window.failures / window.calls >= failureRate || window.slow / window.calls >= slowRate))) return;
    this.#byRate = !inARow;
    this.#open(now, error);
  }

  #probeSucceeded(probe: Admission, now: number): void {
    if (this.#probes?.delete(probe) && ++this.#probesWell >= this.#settings.successes) this.#close(now);
  }

  /** Whether it opened. A probe whose lease is over has failed already. */
  #probeFailed(probe: Admission, now: number, error: unknown): boolean {
    if (!this.#probes?.delete(probe) || ++this.#probesFailed <= this.#settings.probeFailures) return false;
    this.#open(now, error);
    return true;
  }

  #open(now: number, error: unknown): void {
    this.#openUntil = now + Math.max(this.#openMs(error), Math.min(retryAfterOf(error) ?? 0, longestRetryAfterMs));
    this.#enter('open');
  }

  /** A sick callee is left alone for longer each time. Where nobody is, whoever asks again harms nobody. */
  #openMs(error: unknown): number {
    const { openForMs, openForMaxMs } = this.#settings;
    if (isAbsent(error)) return openForMs;
    const grown = Math.min(openForMaxMs, openForMs * 2 ** Math.min(this.#opened++, 30));
    return grown > openForMs ? grown * (0.5 + this.#runtime.random.next() / 2) : openForMs;
  }

  #close(now: number): void {
    this.#forgetCounts(now);
    this.#enter('closed');
  }

  #forgetCounts(closedAt: number): void {
    this.#inARow = 0;
    this.#opened = 0;
    this.#closedAt = closedAt;
    this.#window?.clear();
  }

  #forgetProbes(): void {
    this.#probes = this.#state === 'half-open' ? new Set() : undefined;
    this.#probesWell = 0;
    this.#probesFailed = 0;
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#generation++;
    this.#forgetProbes();
    const { observe } = this.#runtime;
    observe.count('seaworthy_breaker_transitions_total', { breaker: this.name, to: state });
    observe.log(state === 'open' ? 'warn' : 'info', `breaker ${this.name} is ${state}`, { breaker: this.name, state });
  }
}

/** Makes a breaker. It may stand in several policies; its state is then one. Throws `PolicyInvalid` for a number out of range. */
export const breaker = (options: BreakerOptions = {}): Breaker => new Breaker(options);
