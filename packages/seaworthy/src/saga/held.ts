import type { Caller } from '../client/caller.ts';
import type { Contract, Members } from '../contract/contract.ts';
import type { Scope } from '../core/abort.ts';
import { textOf } from '../core/thrown.ts';
import { following } from '../outbox/process.ts';
import type { Store, Tx } from '../store/store.ts';
import { tracedTransaction } from '../store/traced.ts';
import { type Cause, causeText } from './cause.ts';
import { advance, type Change, type Entry, hurried, type Instance, timed } from './journal.ts';
import { readSaga } from './list.ts';
import type { Moves } from './moves.ts';
import type { AnySaga } from './saga.ts';
import { backoffMs, StepTimeout } from './step.ts';
import type { Tracing } from './traced.ts';
import { planOf } from './versions.ts';

/** What sagas of one service need to run. */
export interface DriveParts extends Tracing {
  readonly store: Store<unknown, unknown>;
  readonly contract: Contract<string, Members>;
  readonly call: Caller;
  readonly moves: Moves;
  /** After so many deaths of processes a step or an undo that each was running is not run again. */
  readonly crashes: number;
}

/** How an engine may interrupt one instance. */
export interface Interrupts {
  /** Somebody wants it stopped: the running step is aborted and the instance read again. */
  readonly stop: Scope;
  /** The engine closes: no further step is begun. */
  readonly closing: AbortSignal;
  /** The engine ends: nothing is written any more, nothing counts as failed. */
  readonly cut: Scope;
}

/** The row was not as this engine saw it: taken over, stopped or judged meanwhile. */
export class Overtaken extends Error {}

export type Work = (tx: unknown, own: Tx) => Promise<Change>;

/** One instance in the hand of one engine. */
export interface Held {
  readonly parts: DriveParts;
  readonly saga: AnySaga;
  /** As it was last written or read. */
  readonly instance: Instance;
  /** Writes a transition, and what `work` does with it. When it was stopped meanwhile, `instance` is read again instead. Throws `Overtaken`. */
  move(work: Change | Work): Promise<void>;
  /** Turns it round. */
  undoing(cause: Cause, journal?: readonly Entry[]): Promise<void>;
  /**
   * Nothing was done: the next run is due in `ms`, and is no further attempt. Its row says so, so that another process knows.
   * Returns `ms`.
   */
  postpone(error: unknown, ms: number, journal: readonly Entry[]): Promise<number>;
  /** Counts a failed run of `what`; the next is due after a while. Returns the wait in milliseconds. */
  again(
    error: unknown,
    run: { readonly what: string; readonly longestMs: number; readonly attempts: number; readonly journal: readonly Entry[] },
  ): Promise<number>;
}

/** A shorter wait is written down once only. */
const longMs = 1000;

/** A transaction that is not run again once a step took too long in it, even if the store saw a conflict meanwhile. */
async function unrepeated<V>(store: Store<unknown, unknown>, work: (tx: unknown, own: Tx) => Promise<V>): Promise<V> {
  const over = new AbortController();
  const cutShort = (error: unknown): never => {
    if (error instanceof StepTimeout) over.abort(error);
    throw error;
  };
  return store.transaction((tx) => work(tx, store.sql(tx)).catch(cutShort), { signal: over.signal });
}

export function hold(parts: DriveParts, saga: AnySaga, begun: Instance): Held {
  const { store, runtime, moves, follow = 'parent' } = parts;
  const { clock, random, observe } = runtime;
  // What this code writes, only code that knows its steps may carry on.
  const plan = planOf(saga);
  let instance = begun;

  const overtaken = (error: unknown): boolean => error instanceof Overtaken;
  const seen = (written: Instance | undefined): Instance => {
    if (!written) throw new Overtaken();
    return written;
  };
  /** A transition alone, or in one transaction with `work`. */
  const write = async (work: Change | Work, now: number): Promise<Instance> => {
    if (typeof work !== 'function') return seen(await moves.write({ instance, plan, change: timed(instance, work, now), now }));
    return unrepeated(store, async (tx, own) => {
      const change = await work(tx, own);
      return seen(await advance(own, instance, plan, timed(instance, change, now), now));
    });
  };

  async function move(work: Change | Work): Promise<void> {
    const now = clock.now();
    let written: Instance;
    runtime.reached('saga/advance/before');
    try {
      written = await tracedTransaction(parts, following(instance.trace, follow), () => write(work, now), overtaken);
    } catch (error) {
      if (!overtaken(error)) throw error;
      const current = await readSaga(store.sqlRead, instance.id);
      if (!current || current.owner !== instance.owner) throw error;
      instance = current;
      return;
    }
    runtime.reached('saga/advance/after');
    instance = written;
    const { id, key, state, cause, trace } = instance;
    if (state === 'done' || state === 'undone') observe.count('seaworthy_saga_ended_total', { saga: saga.name, state });
    if (state === 'undone' && cause)
      observe.log('info', `the saga ${saga.name} was undone: ${causeText(cause)}`, { saga: saga.name, id, key }, trace);
  }

  return {
    parts,
    saga,
    get instance() {
      return instance;
    },
    move,
    undoing: (cause, journal = instance.journal) => move({ state: 'undoing', journal, cause }),
    async postpone(error, ms, journal) {
      const { state, attempts, error: failed } = instance;
      // Of many that wait for the same callee none should write twice a second.
      if (ms < longMs && failed !== undefined && journal === instance.journal && instance.due !== hurried) return ms;
      // What the runs before failed with says more than what this one waits for.
      await move({ state, journal, attempts, due: clock.now() + ms, error: attempts > 0 ? failed : textOf(error) });
      return ms;
    },
    async again(error, { what, longestMs, attempts, journal }) {
      const { id, state, trace } = instance;
      const wait = backoffMs(attempts, longestMs, random);
      observe.log('warn', `${what} of ${saga.name} failed, it is tried again`, { saga: saga.name, id, state, attempts, error }, trace);
      await move({ state, journal, attempts, due: clock.now() + wait, error: textOf(error) });
      return wait;
    },
  };
}
