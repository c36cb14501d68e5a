import type { Caller } from '../client/caller.ts';
import type { Contract, Members } from '../contract/contract.ts';
import type { Scope } from '../core/abort.ts';
import { causedBy } from '../core/span-link.ts';
import type { Isolation, Store } from '../store/store.ts';
import { tracedTransaction } from '../store/traced.ts';
import { unrepeated } from '../store/unrepeated.ts';
import { type AnySaga, machineOf, planOf, type StepDefinition } from './definition.ts';
import type { Instance } from './instance.ts';
import type { JournalWriter } from './journal-writer.ts';
import { type Action, apply, type Ended, hurried, type MachineDefinition, next, type Outcome, recordAll } from './machine.ts';
import { reportEnd, reportFailure } from './report.ts';
import { readSaga, writeTransition } from './saga-store.ts';
import { StepTimeout, type Tracing } from './step-run.ts';

/** What the sagas of one service need to run. */
export interface SagaDeps extends Tracing {
  readonly store: Store<unknown, unknown>;
  readonly contract: Contract<string, Members>;
  readonly call: Caller;
  readonly journal: JournalWriter;
  /** How many processes may die while they run one step, or its undo, before it is not run again. */
  readonly crashes: number;
  /** The largest event that the bus takes, in bytes. Default: any size. */
  readonly maxBytes?: number | undefined;
  /** The isolation of transactions with local steps. Default `serializable`. */
  readonly isolation?: Isolation | undefined;
}

/** The signals by which an engine interrupts one instance. */
export interface Interrupts {
  /** Aborts when the saga is to be stopped: the running step is aborted, and the instance read again. */
  readonly stop: Scope;
  /** Aborts when the engine closes: no further step begins. */
  readonly closing: AbortSignal;
  /** Aborts when the time for closing is over: nothing is written any more, and nothing counts as failed. */
  readonly cut: Scope;
  /** Returns whether no other process can have taken the instance over since it was read. If so, a step may begin. */
  isOwn(): boolean;
}

/** The row was not as this engine saw it: the instance was taken over or stopped, or got a verdict. */
export class StaleInstance extends Error {}

/** Returns whether an error says that the row was not as this engine saw it. */
export const isStale = (error: unknown): boolean => error instanceof StaleInstance;

/** The work of a local step, in the transaction of its transition. Returns the instance after it. */
type LocalWork = (tx: unknown) => Promise<Instance>;

/** A shorter wait, in milliseconds, is written only once. */
const longMs = 1000;

/** One instance that one engine runs: as it was last written, and how its next transition is written. */
export class SagaRun {
  readonly deps: SagaDeps;
  readonly saga: AnySaga;
  readonly interrupts: Interrupts;
  readonly #machine: MachineDefinition;
  #instance: Instance;

  constructor(deps: SagaDeps, saga: AnySaga, begun: Instance, interrupts: Interrupts) {
    this.deps = deps;
    this.saga = saga;
    this.interrupts = interrupts;
    this.#machine = machineOf(saga, deps.crashes);
    this.#instance = begun;
  }

  /** The instance as it was last written or read. */
  get instance(): Instance {
    return this.#instance;
  }

  /** Returns what the instance needs next. */
  next(): Action {
    return next(this.#machine, this.#instance);
  }

  /** Returns the step that an instance runs next, if it runs one. */
  stepAt(instance: Instance): StepDefinition | undefined {
    const action = next(this.#machine, instance);
    return action.kind === 'run' && action.verb === 'do' ? this.saga.steps[action.at] : undefined;
  }

  /** Returns the instance after an outcome, and after all that follows without a run. */
  settled(from: Instance, outcome: Outcome, now: number): Instance {
    return recordAll(this.#machine, apply(this.#machine, from, outcome, now), now);
  }

  /** Returns whether the instance is as it was seen, except that it was stopped. */
  isStopped({ version, state }: Instance): boolean {
    const { version: current, stopping } = this.#instance;
    return state === 'running' && current === version && stopping !== undefined;
  }

  /** Writes what an outcome makes of `from`. Returns the milliseconds to wait for the next run, if there is one. */
  async conclude(ended: Ended, from: Instance = this.#instance): Promise<number | undefined> {
    const { outcome } = ended;
    const seen = this.#instance;
    const now = this.deps.runtime.clock.now();
    const after = this.settled(from, outcome, now);
    if (outcome.kind === 'postponed') {
      // Of many instances that wait for the same callee none should write twice a second.
      const known = seen.error !== undefined && seen.due !== hurried && after.journal === seen.journal;
      if (outcome.waitMs < longMs && known) return outcome.waitMs;
    }
    if (!(await this.transition(after))) {
      // The step is done, though the saga was stopped meanwhile: its undo gets the result.
      return outcome.kind === 'done' && this.isStopped(seen) ? this.conclude(ended) : undefined;
    }
    reportFailure(this, ended, from);
    if (outcome.kind !== 'failed' && outcome.kind !== 'postponed') return undefined;
    return (after.state === 'running' || after.state === 'undoing') && after.due > now ? after.due - now : undefined;
  }

  /**
   * Writes a transition, with the work of local steps if there is any. Returns false when the instance was stopped meanwhile: it is read
   * again. Throws `StaleInstance` when it belongs to another worker.
   */
  async transition(work: Instance | LocalWork): Promise<boolean> {
    const { store, runtime, follow = 'parent' } = this.deps;
    const seen = this.#instance;
    let written: Instance;
    runtime.reached('saga/advance/before');
    try {
      written = await tracedTransaction(this.deps, causedBy(seen.trace, follow), () => this.#write(seen, work), isStale);
    } catch (error) {
      if (!isStale(error)) throw error;
      const current = await readSaga(store.sqlRead, seen.id);
      if (!current || current.owner !== seen.owner) throw error;
      this.#instance = { ...current, crashes: seen.crashes };
      return false;
    }
    runtime.reached('saga/advance/after');
    this.#instance = written;
    reportEnd(this);
    return true;
  }

  async #write(seen: Instance, work: Instance | LocalWork): Promise<Instance> {
    const { store, journal, isolation } = this.deps;
    // Only code that knows the steps of this code may continue what it writes.
    const plan = planOf(this.saga);
    const fresh = (written: Instance | undefined): Instance => {
      if (!written) throw new StaleInstance();
      return written;
    };
    if (typeof work !== 'function') return fresh(await journal.write({ seen, after: { ...work, plan } }));
    const local = async (tx: unknown): Promise<Instance> => {
      const after = await work(tx);
      return fresh(await writeTransition(store.sql(tx), seen, { ...after, plan }));
    };
    const once = unrepeated(local, (error) => (error instanceof StepTimeout ? error : undefined));
    return store.transaction(once.work, { signal: once.signal, isolation });
  }

  /** Logs a message with the saga and the id of the instance. */
  log(level: 'info' | 'warn' | 'error', message: string, more: Readonly<Record<string, unknown>>): void {
    const { id, trace } = this.#instance;
    this.deps.runtime.observe.log(level, message, { saga: this.saga.name, id, ...more }, trace);
  }
}
