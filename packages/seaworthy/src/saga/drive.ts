import { Failure } from '../client/call.ts';
import type { Caller } from '../client/caller.ts';
import type { Contract, Members } from '../contract/contract.ts';
import { orAborted, scope } from '../core/abort.ts';
import type { Runtime } from '../core/runtime.ts';
import { collector } from '../outbox/outbox.ts';
import type { Store, Tx } from '../store/store.ts';
import { type Cause, causeOf } from './cause.ts';
import { advance, type Change, type Entry, type Instance, instanceOf } from './journal.ts';
import type { AnySaga, Recorded } from './saga.ts';
import { backoffMs, callOf, kept, postponedMs, resultsOf, StepTimeout, stepKey, timeoutMs } from './step.ts';

/** What sagas of one service need to run. */
export interface DriveParts {
  readonly store: Store<unknown, unknown>;
  readonly runtime: Runtime;
  readonly contract: Contract<string, Members>;
  readonly call: Caller;
  /** Called after a commit that published something. */
  readonly published: () => void;
}

/** How an engine may interrupt one instance. */
export interface Interrupts {
  /** Somebody wants it stopped: the running step is aborted and the instance read again. */
  readonly stop: AbortSignal;
  /** The engine ends: nothing is written any more, nothing counts as failed. */
  readonly cut: AbortSignal;
}

const undoable: ReadonlySet<Entry['state']> = new Set(['done', 'intended', 'stuck']);
const undoAttempts = 10;
const longestRetryMs = 30_000;
const longestUndoMs = 60_000;

/** The row was not as this engine saw it: taken over, stopped or judged meanwhile. */
class Overtaken extends Error {}

type Run = (context: never) => unknown;

/** Runs local steps from where `journal` ends, in the caller's transaction, up to the next remote step or the end. */
export async function progress(
  parts: DriveParts,
  saga: AnySaga,
  tx: unknown,
  own: Tx,
  instance: Instance,
  journal: readonly Entry[],
): Promise<Change & { readonly published: number }> {
  const { runtime } = parts;
  const entries = [...journal];
  const events = collector(parts.contract, runtime);
  for (let next = saga.steps[entries.length]; next; next = saga.steps[entries.length]) {
    if (next.kind === 'remote') {
      entries.push({ step: next.name, state: 'intended' });
      return { state: 'running', journal: entries, published: await events.write(own) };
    }
    const context = { input: instance.input, results: resultsOf(entries), tx, publish: events.publish, now: runtime.clock.now() };
    const result = kept(next.name, await (next.step.do as Run)(context as never));
    entries.push({ step: next.name, state: 'done', ...(result !== undefined && { result }) });
  }
  return { state: 'done', journal: entries, published: await events.write(own) };
}

/** Drives one instance until it ends, waits, or is somebody else's. Returns the milliseconds to wait, or `undefined`. */
export async function drive(parts: DriveParts, saga: AnySaga, begun: Instance, { stop, cut }: Interrupts): Promise<number | undefined> {
  const { store, runtime } = parts;
  const { clock, random, observe } = runtime;
  let instance = begun;

  const stepOf = (name: string): Recorded => saga.steps.find((step) => step.name === name) as Recorded;
  const input = instance.input;

  /** A transition in a transaction of its own, or with what `work` does there. */
  async function move(work: (tx: unknown, own: Tx) => Promise<Change & { readonly published?: number }>): Promise<void> {
    let published = 0;
    let written: Change | undefined;
    const now = clock.now();
    runtime.reached('saga/advance/before');
    try {
      await store.transaction(async (tx) => {
        const own = store.own(tx);
        const { published: count = 0, ...change } = await work(tx, own);
        if (!(await advance(own, instance, change, now))) throw new Overtaken();
        published = count;
        written = change;
      });
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error;
      const [row] = await store.ownRead.all('select * from sw_saga where id = ?', instance.id);
      const current = row && instanceOf(row);
      if (!current || current.owner !== instance.owner) throw error;
      instance = current;
      return;
    }
    runtime.reached('saga/advance/after');
    if (published > 0) parts.published();
    const { cause = instance.cause, attempts = 0, due = now, error, ...change } = written as Change;
    instance = { ...instance, ...change, cause, attempts, due, error, changed: now };
    if (instance.state === 'done' || instance.state === 'undone')
      observe.count('seaworthy_saga_ended_total', { saga: saga.name, state: instance.state });
  }

  const undoing = (cause: Cause, journal = instance.journal): Promise<void> => move(async () => ({ state: 'undoing', journal, cause }));

  /** Counts a failed run; the next is due after a while. Returns the wait. */
  async function again(error: unknown, longestMs: number): Promise<number> {
    const attempts = instance.attempts + 1;
    const wait = backoffMs(attempts, longestMs, random);
    const { message } = error as Error;
    observe.log('warn', `a step of ${saga.name} failed, it is tried again`, {
      saga: saga.name,
      id: instance.id,
      state: instance.state,
      attempts,
      error,
    });
    await move(async () => ({
      state: instance.state,
      journal: instance.journal,
      attempts,
      due: clock.now() + wait,
      error: String(message),
    }));
    return wait;
  }

  /** Runs `work` of a remote step, bounded by its timeout. */
  async function bounded(step: Recorded, work: (signal: AbortSignal) => unknown, parents: readonly AbortSignal[]): Promise<unknown> {
    const reason = (): unknown =>
      new StepTimeout(`the step ${step.name} of ${saga.name} took longer than ${step.step.timeout ?? '10s'}: its outcome is unknown`);
    const within = scope({ clock, parents, timeout: { ms: timeoutMs(step), reason } });
    try {
      return await orAborted(
        Promise.resolve().then(() => work(within.signal)),
        within.signal,
      );
    } finally {
      within.end();
    }
  }

  async function remote(step: Recorded): Promise<number | undefined> {
    const before = instance.journal.slice(0, -1);
    const key = stepKey(instance, step.name);
    const run = (signal: AbortSignal): unknown =>
      (step.step.do as Run)({
        input,
        results: resultsOf(before),
        call: callOf(parts.call, runtime, key, step, signal),
        signal,
        now: clock.now(),
      } as never);
    let result: unknown;
    try {
      result = kept(step.name, await bounded(step, run, [stop, cut]));
    } catch (error) {
      if (cut.aborted) throw error;
      if (error instanceof Failure) {
        await undoing(causeOf(step.name, error), [...before, { step: step.name, state: 'refused' }]);
        return undefined;
      }
      if (stop.aborted) {
        await undoing({ kind: 'stopped', reason: await stopReason() });
        return undefined;
      }
      const wait = postponedMs(error);
      if (wait !== undefined) return wait;
      if (instance.attempts + 1 < (step.step.retry?.attempts ?? 3)) return again(error, longestRetryMs);
      await undoing(causeOf(step.name, error));
      return undefined;
    }
    const done: Entry = { step: step.name, state: 'done', ...(result !== undefined && { result }) };
    const journal = [...before, done];
    try {
      await move((tx, own) => progress(parts, saga, tx, own, instance, journal));
    } catch (error) {
      if (error instanceof Overtaken) throw error;
      // A local step behind it failed and took the record with it: what was done is written alone, then that step tried by itself.
      await move(async () => ({ state: 'running', journal }));
      return undefined;
    }
    // Stopped meanwhile: what came of this step is known all the same, and its undo shall see it.
    if (instance.state === 'running' && instance.stopping !== undefined)
      await undoing({ kind: 'stopped', reason: instance.stopping }, journal);
    return undefined;
  }

  async function stopReason(): Promise<string> {
    const [row] = await store.ownRead.all('select stopping from sw_saga where id = ?', instance.id);
    return String(row?.['stopping'] ?? 'stopped');
  }

  async function locals(): Promise<number | undefined> {
    try {
      await move((tx, own) => progress(parts, saga, tx, own, instance, instance.journal));
      return undefined;
    } catch (error) {
      if (error instanceof Overtaken) throw error;
      const step = saga.steps[instance.journal.length] as Recorded;
      if (instance.attempts + 1 < (step.step.retry?.attempts ?? 3)) return again(error, longestRetryMs);
      await undoing(causeOf(step.name, error));
      return undefined;
    }
  }

  async function undo(): Promise<number | undefined> {
    const index = instance.journal.findLastIndex(({ step, state }) => undoable.has(state) && stepOf(step).step.undo);
    const entry = instance.journal[index];
    if (!entry) {
      await move(async () => ({ state: 'undone', journal: instance.journal }));
      return undefined;
    }
    const step = stepOf(entry.step);
    const run = step.step.undo as Run;
    const journal = instance.journal.with(index, { ...entry, state: 'undone' });
    const seen = {
      input,
      results: resultsOf(instance.journal.slice(0, index)),
      result: entry.result,
      cause: instance.cause,
      now: clock.now(),
    };
    try {
      if (step.kind === 'local') {
        await move(async (tx, own) => {
          const events = collector(parts.contract, runtime);
          await run({ ...seen, tx, publish: events.publish } as never);
          return { state: 'undoing', journal, published: await events.write(own) };
        });
      } else {
        const key = stepKey(instance, step.name);
        // A stop is over by now: only the end of the engine interrupts an undo.
        await bounded(
          step,
          (signal) => run({ ...seen, call: callOf(parts.call, runtime, `${key}.undo`, step, signal, key), signal } as never),
          [cut],
        );
        await move(async () => ({ state: 'undoing', journal }));
      }
      return undefined;
    } catch (error) {
      if (cut.aborted || error instanceof Overtaken) throw error;
      const wait = postponedMs(error);
      if (wait !== undefined) return wait;
      if (instance.attempts + 1 < undoAttempts) return again(error, longestUndoMs);
      observe.log('error', `${saga.name} is stuck: its step ${step.name} cannot be undone, and waits for a verdict`, {
        saga: saga.name,
        id: instance.id,
        error,
      });
      observe.count('seaworthy_saga_ended_total', { saga: saga.name, state: 'stuck' });
      const waiting = instance.journal.with(index, { ...entry, state: 'stuck' });
      await move(async () => ({ state: 'stuck', journal: waiting, attempts: instance.attempts + 1, error: (error as Error).message }));
      return undefined;
    }
  }

  try {
    while (!cut.aborted) {
      let wait: number | undefined;
      if (instance.state === 'undoing') wait = await undo();
      else if (instance.state !== 'running') return undefined;
      else if (instance.stopping !== undefined) await undoing({ kind: 'stopped', reason: instance.stopping });
      else {
        const last = instance.journal.at(-1);
        wait = last?.state === 'intended' ? await remote(stepOf(last.step)) : await locals();
      }
      if (wait !== undefined) return wait;
    }
  } catch (error) {
    if (!cut.aborted && !(error instanceof Overtaken)) throw error;
  }
  return undefined;
}
