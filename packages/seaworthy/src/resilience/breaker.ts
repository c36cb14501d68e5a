import { silent } from '../core/observe.ts';
import { type Runtime, runtime as systemRuntime } from '../core/runtime.ts';
import { classify as byDefault, type Classification, type Classify, isAbsent, isLate, retryAfterOf } from './classify.ts';
import { BreakerOpen } from './errors.ts';
import { FailedKeys } from './failed-keys.ts';
import { type BreakerOptions, type Settings, sharedSettings } from './settings.ts';
import { register } from './shared-gauges.ts';
import { Window } from './window.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';
/** The mode that a person may set: `auto` lets the breaker decide, `metrics-only` counts and never rejects, `disabled` does neither. */
export type BreakerMode = 'auto' | 'forced-open' | 'disabled' | 'metrics-only';

/** The record of an admitted call until its outcome: its generation, and the time of its start. */
export interface Admission {
  readonly generation: number;
  readonly at: number;
}

/** The details of a call that affect how its outcome counts. */
export interface CallDetails {
  /** The idempotency key of the call. A repeated failure under the same key counts once. */
  readonly key: string | undefined;
  /** Whether the call had less time than its policy allots. Its timeout then says nothing about the callee. */
  readonly shortened: boolean;
}

/** The counts of a breaker. Without a rate the breaker has no window and counts only failures in a row. */
export interface BreakerCounts {
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
  readonly failuresInARow: number;
}

const standard = systemRuntime();
const plainCall: CallDetails = { key: undefined, shortened: false };
/** The longest wait that a breaker accepts from a callee. */
const longestRetryAfterMs = 3_600_000;
const gaugeStates = ['closed', 'half-open', 'open', 'forced-open', 'disabled', 'metrics-only'] as const;

/**
 * A circuit breaker: it rejects calls to a callee that fails, and lets probes find out when the callee has recovered. Results of calls
 * that were admitted in an earlier state never change a later one (Sony's gobreaker calls this a generation).
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
  /** Whether the breaker opened because of a rate, and not because of failures in a row. */
  #byRate = false;
  #failedKeys: FailedKeys | undefined;
  #leaveGauges: (() => void) | undefined;

  constructor(options: BreakerOptions = {}) {
    this.name = options.name ?? 'breaker';
    this.#classify = options.classify ?? byDefault;
    this.#settings = sharedSettings(options);
    if (this.#settings.windowMs > 0) this.#window = new Window(this.#settings.windowMs);
    if (options.runtime) this.attach(options.runtime);
  }

  /** The state as of the last call: an open breaker whose open time has passed becomes half-open with the next call. */
  get state(): BreakerState {
    return this.#state;
  }

  /** The mode, as set by `set`. Default `auto`. */
  get mode(): BreakerMode {
    return this.#mode;
  }

  /** The counts as of the last call. */
  get counts(): BreakerCounts {
    const { calls = 0, failures = 0, slow = 0 } = this.#window ?? {};
    return { calls, failures, slow, failuresInARow: this.#inARow };
  }

  /**
   * Reports to a runtime and takes its clock, unless the breaker has a runtime already. Its policy calls this. Returns a function that
   * ends it. A change of the clock resets state and counts.
   */
  attach(runtime: Runtime): () => void {
    if (this.#runtime !== standard) return () => {};
    this.#move(runtime);
    this.#register(runtime);
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
      this.#failedKeys = undefined;
    }
    this.#runtime = runtime;
  }

  #register(runtime: Runtime): void {
    if (runtime.observe.gauge === silent.gauge) return;
    const gauges = gaugeStates.map((state) => ({
      name: 'seaworthy_breaker_state',
      attributes: { breaker: this.name, state },
      of: (one: Breaker) => ((one.#mode === 'auto' ? one.#state : one.#mode) === state ? 1 : 0),
    }));
    this.#leaveGauges = register<Breaker>(runtime.observe, `breaker ${this.name}`, gauges, this);
  }

  /** Removes the breaker from the gauges. The breaker still works. */
  dispose(): void {
    this.#leaveGauges?.();
    this.#leaveGauges = undefined;
  }

  /** Does what `dispose` does. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Sets the mode by hand. Calls in flight no longer count, and probes start again. */
  set(mode: BreakerMode): void {
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.#generation++;
    this.#forgetProbes();
    this.#runtime.observe.log('info', `breaker ${this.name} was set to ${mode}`, { breaker: this.name, mode });
  }

  /**
   * Replaces the options at once; options that are left out get their defaults. The state is kept, and so are the counts if the window
   * stays the same. Throws `PolicyInvalid` or `DurationInvalid`.
   */
  configure(options: Omit<BreakerOptions, 'name' | 'runtime' | 'classify'>): void {
    const settings = sharedSettings(options);
    if (settings.windowMs !== this.#settings.windowMs) this.#window = settings.windowMs > 0 ? new Window(settings.windowMs) : undefined;
    this.#settings = settings;
    this.#generation++;
    this.#probes?.clear();
  }

  /** Whether the breaker needs the time of a call. Reading the clock is a large part of the cost of a call. */
  get timed(): boolean {
    return this.#state !== 'closed' || this.#mode !== 'auto' || this.#window !== undefined || this.#settings.slowStartMs > 0;
  }

  /** Admits a call, or throws `BreakerOpen` with the time until the next try. Ignores `now` while the breaker is not `timed`. */
  admit(now: number): Admission {
    if (!this.timed) {
      // Without times, all calls of a generation share one admission.
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
    const progress = this.#settings.slowStartMs > 0 ? (now - this.#closedAt) / this.#settings.slowStartMs : 1;
    if (progress < 1 && this.#runtime.random.next() > 0.1 + 0.9 * progress)
      this.#reject(this.#settings.slowStartMs / 10, 'has just closed and admits a part of the calls');
  }

  #gateProbe(now: number, probes: Set<Admission>): void {
    const { probeLeaseMs, openForMs } = this.#settings;
    let wait = openForMs / 10;
    for (const probe of probes) {
      const leftMs = probe.at + probeLeaseMs - now;
      wait = Math.min(wait, leftMs);
      // Without this lease a probe that hangs would hold the breaker half-open forever.
      if (leftMs <= 0 && this.#probeFailed(probe, now, undefined)) this.#reject(this.#openUntil - now, 'is open');
    }
    // The duration of a probe is unknown; a tenth of the open time is the guess.
    if (probes.size >= this.#settings.probes) this.#reject(Math.max(1, wait), 'is half-open and all its probes are in flight');
  }

  #reject(retryAfterMs: number | undefined, why: string): never {
    this.#runtime.observe.count('seaworthy_breaker_rejected_total', { breaker: this.name });
    const later = retryAfterMs === undefined ? 'set it back to auto' : `try again in ${Math.ceil(retryAfterMs)} ms`;
    throw new BreakerOpen(`breaker ${this.name} ${why}: ${later}`, { retryAfterMs });
  }

  /** Records a success. */
  succeeded(admission: Admission, now: number, key?: string): void {
    if (key !== undefined) this.#failedKeys?.succeeded(key);
    if (!this.#record(admission, 'success')) return;
    if (this.#state === 'half-open' && this.#mode === 'auto') {
      this.#probeSucceeded(admission, now);
      return;
    }
    this.#inARow = 0;
    if (!this.#window) return;
    this.#window.add(now, false, now - admission.at >= this.#settings.slowAfterMs);
    this.#evaluate(now, undefined);
  }

  /** Records a failure or a fault. */
  failed(admission: Admission, now: number, error: unknown, key?: string, classification: 'failure' | 'fault' = 'failure'): void {
    // If no connection was made, the request is not to blame: a repeat of it counts like any other call.
    const repeated = key !== undefined && !isAbsent(error) && this.#hasFailedBefore(key, now);
    if (!this.#record(admission, classification)) return;
    if (this.#state === 'half-open' && this.#mode === 'auto') {
      if (repeated) this.release(admission);
      // The breaker opened because the callee gave no answer. A fault is an answer, so the probe succeeds.
      else if (classification === 'fault' && !this.#byRate) this.#probeSucceeded(admission, now);
      else this.#probeFailed(admission, now, error);
      return;
    }
    if (repeated) return;
    if (classification === 'failure') this.#inARow++;
    this.#window?.add(now, true, now - admission.at >= this.#settings.slowAfterMs);
    this.#evaluate(now, error);
  }

  #hasFailedBefore(key: string, now: number): boolean {
    this.#failedKeys ??= new FailedKeys();
    return this.#failedKeys.failed(key, now);
  }

  /** Records a call that was aborted before its allotted time. It counts as slow if it had taken `slowAfter` by then. */
  #abortedEarly(admission: Admission, now: number): void {
    if (!this.#record(admission, 'ignored')) return;
    const slow = this.#state === 'closed' && now - admission.at >= this.#settings.slowAfterMs;
    if (slow && this.#window) {
      this.#window.add(now, false, true);
      this.#evaluate(now, undefined);
    } else this.release(admission);
  }

  /** Records an outcome that says nothing about the callee. A probe is released. */
  ignored(admission: Admission): void {
    if (this.#record(admission, 'ignored')) this.release(admission);
  }

  /** Releases a probe without an outcome. */
  release(admission: Admission): void {
    this.#probes?.delete(admission);
  }

  /** Records the outcome of work that threw, as `classify` classifies its error. */
  settled(admission: Admission, now: number, error: unknown, { key, shortened }: CallDetails = plainCall): void {
    const classification = this.#classified(error);
    if (classification === 'success') this.succeeded(admission, now, key);
    else if (classification === 'ignored') this.ignored(admission);
    else if (shortened && isLate(error)) this.#abortedEarly(admission, now);
    else this.failed(admission, now, error, key, classification);
  }

  #classified(error: unknown): Classification {
    try {
      return this.#classify(error);
    } catch (thrown) {
      this.#runtime.observe.log('error', `classify of breaker ${this.name} threw; counting a failure`, { error: thrown });
      return 'failure';
    }
  }

  /** Counts an outcome in the metrics. Returns whether it may change the breaker: an outcome of an earlier generation may not. */
  #record(admission: Admission, outcome: Classification): boolean {
    const current = admission.generation === this.#generation;
    const { observe } = this.#runtime;
    if (observe.count !== silent.count && this.#mode !== 'disabled')
      observe.count('seaworthy_breaker_calls_total', { breaker: this.name, outcome: current ? outcome : 'late' });
    return current && (this.#mode === 'auto' || this.#mode === 'metrics-only');
  }

  #evaluate(now: number, error: unknown): void {
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

  /** Records a failed probe. Returns whether the breaker opened; a probe whose lease has passed has failed already. */
  #probeFailed(probe: Admission, now: number, error: unknown): boolean {
    if (!this.#probes?.delete(probe) || ++this.#probesFailed <= this.#settings.probeFailures) return false;
    this.#open(now, error);
    return true;
  }

  #open(now: number, error: unknown): void {
    this.#openUntil = now + Math.max(this.#openMs(error), Math.min(retryAfterOf(error) ?? 0, longestRetryAfterMs));
    this.#enter('open');
  }

  /** Returns the open time, which grows each time. If no callee is there it does not grow, since a probe cannot overload anyone. */
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

/** Makes a breaker. Several policies may share it and then share its state. Throws `PolicyInvalid` for a number out of range. */
export const breaker = (options: BreakerOptions = {}): Breaker => new Breaker(options);
