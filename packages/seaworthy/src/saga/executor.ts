import { Failure } from '../client/call.ts';
import type { Caller } from '../client/caller.ts';
import type { Contract, Members } from '../contract/contract.ts';
import type { Scope } from '../core/abort.ts';
import { backoffMs } from '../core/backoff.ts';
import { copied } from '../core/copy.ts';
import { collector } from '../outbox/outbox.ts';
import { following } from '../outbox/process.ts';
import type { Store, Tx } from '../store/store.ts';
import { tracedTransaction } from '../store/traced.ts';
import type { Calls } from './calls.ts';
import { type AnySaga, machineOf, planOf, type StepDefinition } from './definition.ts';
import { type Cause, causeText, type Entry, errorOf, failureData, type Instance, type Refusals, resultsOf } from './instance.ts';
import type { JournalWriter } from './journal-writer.ts';
import { apply, currentStep, hurried, type MachineDefinition, next, type Outcome } from './machine.ts';
import { readSaga, writeTransition } from './saga-store.ts';
import { isSuspect } from './schedule.ts';
import {
  atOnceMs,
  longestWaitMs,
  pendingMs,
  postponedMs,
  resultJson,
  runLocal,
  runRemote,
  StepTimeout,
  type Tracing,
  waitsForCodeMs,
} from './step-run.ts';

/** What the sagas of one service need to run. */
export interface ExecutorParts extends Tracing {
  readonly store: Store<unknown, unknown>;
  readonly contract: Contract<string, Members>;
  readonly call: Caller;
  readonly journal: JournalWriter;
  /** How many processes may die while they run one step, or its undo, before it is not run again. */
  readonly crashes: number;
}

/** How an engine interrupts one instance. */
export interface Interrupts {
  /** Aborts when the saga is to be stopped: the running step is aborted, and the instance read again. */
  readonly stop: Scope;
  /** Aborts when the engine closes: no further step begins. */
  readonly closing: AbortSignal;
  /** Aborts when the time for closing is over: nothing is written any more, and nothing counts as failed. */
  readonly cut: Scope;
}

/**
 * How an instance continues: after a wait, from what it is now (in the other direction, or no longer alone), or alone. `undefined` when it
 * does not continue, or not in this process.
 */
export type Next = { readonly ms: number } | { readonly turned: Instance } | { readonly suspect: Instance } | undefined;

/** The row was not as this engine saw it: the instance was taken over or stopped, or got a verdict. */
export class StaleInstance extends Error {}

const isStale = (error: unknown): boolean => error instanceof StaleInstance;
const isBack = ({ state, stopping }: Instance): boolean => state === 'undoing' || stopping !== undefined;

/** The work of a local step, in the transaction of its transition. Returns the instance after it. */
type LocalWork = (tx: unknown, own: Tx) => Promise<Instance>;

interface Locals {
  readonly tx: unknown;
  readonly own: Tx;
  readonly now: number;
  readonly parents: readonly Scope[];
  /** Called with each step that begins. */
  readonly begins?: (step: StepDefinition) => void;
}

/** Runs local steps in the caller's transaction, up to the next remote step or the end. Nothing is written. */
export async function runLocals(
  parts: ExecutorParts,
  saga: AnySaga,
  instance: Instance,
  { tx, own, now, parents, begins }: Locals,
): Promise<Instance> {
  const { contract, runtime } = parts;
  const machine = machineOf(saga, parts.crashes);
  const events = collector(contract, runtime, { trace: instance.trace, tx: own });
  for (let after = instance; ; ) {
    const action = next(machine, after);
    const step = action.kind === 'run' && action.verb === 'do' ? saga.steps[action.at] : undefined;
    if (action.kind === 'record') after = apply(machine, after, action.outcome, now);
    else if (step?.kind === 'local') {
      begins?.(step);
      const seen = { input: copied(after.input), results: copied(resultsOf(after.journal)), now: runtime.clock.now() };
      const returned = await runLocal('do', parts, instance, step, { tx, own, publish: events.publish, seen, parents });
      after = apply(machine, after, { kind: 'done', result: resultJson(step.name, returned) }, now);
    } else {
      await events.write(own);
      return after;
    }
  }
}

/** Runs one instance until it ends, turns round, waits, or belongs to another worker. */
export async function drive(parts: ExecutorParts, saga: AnySaga, begun: Instance, interrupts: Interrupts): Promise<Next> {
  const { closing, cut } = interrupts;
  const run = new SagaRun(parts, saga, begun, interrupts);
  const back = isBack(begun);
  try {
    while (!closing.aborted && !cut.aborted) {
      if (run.instance.state !== 'running' && run.instance.state !== 'undoing') return undefined;
      if (isBack(run.instance) !== back) return { turned: run.instance };
      const wait = await run.advance();
      // A stop that comes just before the wait has precedence.
      if (wait !== undefined && isBack(run.instance) === back) return { ms: wait };
      // It has made a transition, and so is not a suspect any more.
      if (isSuspect(begun.crashes)) return { turned: run.instance };
    }
  } catch (error) {
    if (!cut.aborted && !isStale(error)) throw error;
  }
  return undefined;
}

/** A shorter wait is written only once. */
const longMs = 1000;
const retries = { baseMs: 1000, leastMs: 50, jitter: 'full' } as const;
const longestRetryMs = { running: 30_000, undoing: longestWaitMs };

/** One instance in the hands of one engine. */
class SagaRun {
  readonly #parts: ExecutorParts;
  readonly #saga: AnySaga;
  readonly #machine: MachineDefinition;
  readonly #interrupts: Interrupts;
  #instance: Instance;

  constructor(parts: ExecutorParts, saga: AnySaga, begun: Instance, interrupts: Interrupts) {
    this.#parts = parts;
    this.#saga = saga;
    this.#machine = machineOf(saga, parts.crashes);
    this.#interrupts = interrupts;
    this.#instance = begun;
  }

  /** The instance as it was last written or read. */
  get instance(): Instance {
    return this.#instance;
  }

  /** Does what the instance needs next. Returns the milliseconds to wait before what it needs then; `undefined` for none. */
  async advance(): Promise<number | undefined> {
    const action = next(this.#machine, this.#instance);
    if (action.kind === 'rest') return undefined;
    if (action.kind === 'record') return this.#conclude(action.outcome);
    const step = this.#saga.steps[action.at] as StepDefinition;
    if (action.verb === 'do') return step.kind === 'local' ? this.#locals(this.#instance) : this.#conclude(...(await this.#call(step)));
    return this.#undo(step, action.at);
  }

  /** Runs a remote step. Returns its outcome, and the error if it has one. */
  async #call(step: StepDefinition): Promise<readonly [Outcome, unknown?]> {
    const { stop, cut } = this.#interrupts;
    const instance = this.#instance;
    const { input, journal } = instance;
    const seen = { input: copied(input), results: copied(resultsOf(journal.slice(0, -1))), now: this.#parts.runtime.clock.now() };
    let happened = (): boolean => false;
    const begun = (calls: Calls): void => {
      happened = calls.happened;
    };
    try {
      const returned = await runRemote('do', this.#parts, instance, step, { seen, parents: [stop, cut], begun });
      const result = resultJson(step.name, returned);
      return [{ kind: 'done', ...(result !== undefined && { result }) }];
    } catch (error) {
      // A step may make several calls: only the last one is refused.
      return this.#outcomeOf(error, step, instance, happened);
    }
  }

  /** What an error of a step means. Throws it when the engine ends. */
  async #outcomeOf(
    error: unknown,
    step: StepDefinition,
    instance: Instance,
    happened: () => boolean,
  ): Promise<readonly [Outcome, unknown]> {
    const { stop, cut } = this.#interrupts;
    const { clock } = this.#parts.runtime;
    if (cut.aborted || isStale(error)) throw error;
    if (error instanceof Failure) return [{ kind: 'refused', name: error.name, data: failureData(error), happened: happened() }, error];
    if (stop.aborted) return [{ kind: 'interrupted', cause: await this.#interruption() }, error];
    if (step.kind === 'remote') {
      const forCode = waitsForCodeMs(error, instance.journal.at(-1)?.began, clock.now());
      const waitMs = postponedMs(error) ?? forCode;
      if (forCode !== undefined && instance.error === undefined) {
        const message = `the answer to the step ${step.name} of ${this.#saga.name} is of another version; waiting for code that can read it`;
        this.#log('error', message, { error });
      }
      if (waitMs !== undefined) return [{ kind: 'postponed', message: errorOf(error).message, waitMs }, error];
    }
    return [this.#failed(error, instance), error];
  }

  #failed(error: unknown, { attempts, state }: Instance, refusals: Refusals = {}): Outcome & { kind: 'failed' } {
    const capMs = longestRetryMs[state === 'undoing' ? 'undoing' : 'running'];
    const waitMs = backoffMs({ ...retries, capMs }, attempts + 1, this.#parts.runtime.random);
    return { kind: 'failed', ...errorOf(error), waitMs, refusals };
  }

  /** Why the row says that the instance is interrupted. */
  async #interruption(): Promise<Cause> {
    const current = await readSaga(this.#parts.store.sqlRead, this.#instance.id);
    return current?.stopping ?? { kind: 'stopped', reason: 'stopped' };
  }

  /** Runs the local steps behind `from`, which is written with them, or alone when one fails. */
  async #locals(from: Instance): Promise<number | undefined> {
    const { stop, cut } = this.#interrupts;
    const now = this.#parts.runtime.clock.now();
    let at: StepDefinition | undefined;
    const begins = (step: StepDefinition): void => {
      at = step;
    };
    try {
      await this.#transition((tx, own) => runLocals(this.#parts, this.#saga, from, { tx, own, now, parents: [stop, cut], begins }));
      return undefined;
    } catch (error) {
      if (!at) throw error;
      const [outcome] = await this.#outcomeOf(error, at, from, () => false);
      const failing = this.#saga.steps.indexOf(at);
      return this.#conclude(outcome.kind === 'failed' || outcome.kind === 'refused' ? { ...outcome, at: failing } : outcome, error, from);
    }
  }

  /** Runs the undo of the step `at`. */
  async #undo(step: StepDefinition, at: number): Promise<number | undefined> {
    const { contract, runtime } = this.#parts;
    // A stop is over by now: only the end of the engine interrupts an undo.
    const { cut } = this.#interrupts;
    const instance = this.#instance;
    const { input, cause, trace, journal } = instance;
    const entry = journal[at] as Entry;
    const now = runtime.clock.now();
    const results = resultsOf(journal.slice(0, at));
    const seen = () => ({ ...copied({ input, results, result: entry.result, cause }), now });
    let refusals = (): Refusals => ({});
    let moved = (): boolean => false;
    const begun = (calls: Calls): void => {
      ({ refusals, moved } = calls);
    };
    try {
      if (step.kind === 'local') {
        await this.#transition(async (tx, own) => {
          const events = collector(contract, runtime, { trace, tx: own });
          const given = { tx, own, publish: events.publish, seen: seen(), parents: [cut] };
          await runLocal('undo', this.#parts, instance, step, given);
          await events.write(own);
          return this.#settled(instance, { kind: 'done' }, now);
        });
        return undefined;
      }
      await runRemote('undo', this.#parts, instance, step, { seen: seen(), parents: [cut], begun, entry });
    } catch (error) {
      if (cut.aborted || isStale(error)) throw error;
      const waitMs = moved() ? atOnceMs : (postponedMs(error) ?? pendingMs(error));
      if (waitMs === undefined) return this.#conclude(this.#failed(error, instance, refusals()), error);
      return this.#conclude({ kind: 'postponed', message: errorOf(error).message, waitMs, refusals: refusals() }, error);
    }
    return this.#conclude({ kind: 'done' });
  }

  /** The instance after an outcome, and after all that follows without a run. */
  #settled(from: Instance, outcome: Outcome, now: number): Instance {
    let after = apply(this.#machine, from, outcome, now);
    for (let action = next(this.#machine, after); action.kind === 'record'; action = next(this.#machine, after))
      after = apply(this.#machine, after, action.outcome, now);
    return after;
  }

  /** Writes what an outcome makes of `from`, with the local steps that follow a step which is done. Returns the wait, if there is one. */
  async #conclude(outcome: Outcome, error?: unknown, from: Instance = this.#instance): Promise<number | undefined> {
    const seen = this.#instance;
    const now = this.#parts.runtime.clock.now();
    const after = this.#settled(from, outcome, now);
    if (outcome.kind === 'postponed') {
      // Of many instances that wait for the same callee none should write twice a second.
      const known = seen.error !== undefined && seen.due !== hurried && after.journal === seen.journal;
      if (outcome.waitMs < longMs && known) return outcome.waitMs;
    }
    const action = next(this.#machine, after);
    const local = action.kind === 'run' && action.verb === 'do' && this.#saga.steps[action.at]?.kind === 'local';
    // A step that ends after a death is written by itself: if a local step behind it kills the process, the next death is that step's.
    if (outcome.kind === 'done' && seen.state === 'running' && local && seen.crashes === 0) {
      const wait = await this.#locals(after);
      return this.#isStopped(seen) ? this.#conclude(outcome) : wait;
    }
    if (!(await this.#transition(after))) {
      // The step is done, though the saga was stopped meanwhile: its undo gets the result.
      return outcome.kind === 'done' && this.#isStopped(seen) ? this.#conclude(outcome) : undefined;
    }
    this.#report(outcome, from, error);
    return outcome.kind === 'failed' || outcome.kind === 'postponed' ? this.#waitOf(after, now) : undefined;
  }

  /** Whether the instance is as it was seen, but for a stop. */
  #isStopped({ version, state }: Instance): boolean {
    const { version: current, stopping } = this.#instance;
    return state === 'running' && current === version && stopping !== undefined;
  }

  #waitOf({ state, due }: Instance, now: number): number | undefined {
    return state === 'running' || state === 'undoing' ? (due > now ? due - now : undefined) : undefined;
  }

  /**
   * Writes a transition, with the work of local steps if there is any. Returns false when the instance was stopped meanwhile: it is read
   * again. Throws `StaleInstance` when it belongs to another worker.
   */
  async #transition(work: Instance | LocalWork): Promise<boolean> {
    const { store, runtime, follow = 'parent' } = this.#parts;
    const seen = this.#instance;
    let written: Instance;
    runtime.reached('saga/advance/before');
    try {
      written = await tracedTransaction(this.#parts, following(seen.trace, follow), () => this.#write(seen, work), isStale);
    } catch (error) {
      if (!isStale(error)) throw error;
      const current = await readSaga(store.sqlRead, seen.id);
      if (!current || current.owner !== seen.owner) throw error;
      this.#instance = { ...current, crashes: seen.crashes };
      return false;
    }
    runtime.reached('saga/advance/after');
    this.#instance = written;
    this.#reportEnd(written);
    return true;
  }

  async #write(seen: Instance, work: Instance | LocalWork): Promise<Instance> {
    const { store, journal } = this.#parts;
    // Only code that knows the steps of this code may continue what it writes.
    const plan = planOf(this.#saga);
    const fresh = (written: Instance | undefined): Instance => {
      if (!written) throw new StaleInstance();
      return written;
    };
    if (typeof work !== 'function') return fresh(await journal.write({ seen, after: { ...work, plan } }));
    return unrepeated(store, async (tx, own) => {
      const after = await work(tx, own);
      return fresh(await writeTransition(own, seen, { ...after, plan }));
    });
  }

  #log(level: 'info' | 'warn' | 'error', message: string, more: Readonly<Record<string, unknown>>): void {
    const { id, trace } = this.#instance;
    this.#parts.runtime.observe.log(level, message, { saga: this.#saga.name, id, ...more }, trace);
  }

  /** Reports what a failure came to. A declared error is an answer, and not reported. */
  #report(outcome: Outcome, from: Instance, given: unknown): void {
    if (outcome.kind !== 'failed') return;
    const { state, attempts, cause, journal } = this.#instance;
    const { name } = this.#saga;
    const error = given ?? outcome.message;
    if (state === 'stuck') {
      const { step } = journal.find((entry) => entry.state === 'stuck') as Entry;
      this.#log('error', `the saga ${name} is stuck: its step ${step} cannot be undone, and waits for a verdict`, { error });
    } else if (from.state !== state) {
      const step = cause && 'step' in cause ? cause.step : '';
      const level = outcome.final ? 'error' : 'warn';
      this.#log(level, `the step ${step} of ${name} failed; undoing the saga`, { attempts: from.attempts + 1, error });
    } else {
      const step = outcome.at === undefined ? currentStep(this.#instance)?.step : this.#saga.steps[outcome.at]?.name;
      const what = state === 'undoing' ? `the undo of ${step}` : `the step ${step}`;
      this.#log('warn', `${what} of ${name} failed; retrying`, { state, attempts, error });
    }
  }

  #reportEnd({ state, key, cause }: Instance): void {
    const { name } = this.#saga;
    if (state === 'done' || state === 'undone' || state === 'stuck')
      this.#parts.runtime.observe.count('seaworthy_saga_ended_total', { saga: name, state });
    if (state === 'undone' && cause) this.#log('info', `the saga ${name} was undone: ${causeText(cause)}`, { key });
  }
}

/** A transaction that is not run again once a step in it took too long, even if the store saw a conflict meanwhile. */
async function unrepeated<V>(store: Store<unknown, unknown>, work: (tx: unknown, own: Tx) => Promise<V>): Promise<V> {
  const over = new AbortController();
  const abort = (error: unknown): never => {
    if (error instanceof StepTimeout) over.abort(error);
    throw error;
  };
  return store.transaction((tx) => work(tx, store.sql(tx)).catch(abort), { signal: over.signal });
}
