import { SeaworthyError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Read, Store } from '../store/store.ts';
import { causeText, type Entry, type GivenVerdict } from './instance.ts';
import { type ListedSaga, listFrom } from './list.ts';
import { hurry, interrupt, readSaga, readStuck, writeVerdict } from './saga-store.ts';
import { resultJson } from './step-run.ts';
import { sagaTopic } from './topics.ts';

/** A verdict was given on a saga that is not stuck, or does not exist. */
export class SagaNotStuck extends SeaworthyError {
  readonly code = 'SW_SAGA_NOT_STUCK';
  readonly kind = 'not_found';
}

/** A saga was to be stopped that does not run: it has ended, is being undone, is stuck or stopped already, or does not exist. */
export class SagaNotRunning extends SeaworthyError {
  readonly code = 'SW_SAGA_NOT_RUNNING';
  readonly kind = 'conflict';
}

/** A saga was to be hurried that does not wait: it has ended, runs or is due, or does not exist. */
export class SagaNotWaiting extends SeaworthyError {
  readonly code = 'SW_SAGA_NOT_WAITING';
  readonly kind = 'conflict';
}

/** A decision on an undo that cannot succeed by itself. */
export type Verdict =
  /** The undo runs again, since the cause of its failure is corrected. */
  | { readonly kind: 'retry' }
  /** The undo is left out, since it is not needed or was done by hand. */
  | { readonly kind: 'skip' }
  /**
   * The undo runs again with a result of the step, which was never seen. A call whose input thereby changes gets another key. The undo
   * must make the same calls of each operation in the same order, with the result and without.
   */
  | { readonly kind: 'result'; readonly result: unknown };

/** Returns the instances that wait for a verdict, those that wait for longest first. Default: the first 100 of them. */
export async function stuckSagas(
  read: Read,
  options: { readonly limit?: number; readonly offset?: number } = {},
): Promise<readonly ListedSaga[]> {
  return listFrom(read, "sw_saga where state = 'stuck' order by changed, id", [], options);
}

/** Returns what a verdict changes in the entry of the step whose undo is stuck. */
function changeOf(verdict: Verdict, { step, undo, refusals = {} }: Entry, now: number): Partial<Entry> {
  if (verdict.kind === 'skip') return { state: 'skipped', ...(undo && { undo: { ...undo, ended: now } }) };
  return verdict.kind === 'result' ? { result: resultJson(step, verdict.result), refusalsAtVerdict: refusals } : {};
}

/**
 * Gives a verdict on a stuck saga, which continues with its undo within seconds. The journal keeps the verdict, its time, and `by`,
 * who gave it. Throws `SagaNotStuck`, `SagaUnreadable`, and `ResultInvalid` for a result that is not JSON.
 */
export async function resolveStuck(
  store: Store<unknown, unknown>,
  runtime: Runtime,
  id: string,
  verdict: Verdict,
  { by }: { readonly by?: string } = {},
): Promise<void> {
  await store.transaction(async (tx) => {
    const sql = store.sql(tx);
    const instance = await readStuck(sql, id);
    if (!instance) throw new SagaNotStuck(`no saga ${id} is stuck; only a stuck saga takes a verdict: list those that are`);
    const { journal } = instance;
    const index = journal.findIndex(({ state }) => state === 'stuck');
    const entry = journal[index] as Entry;
    const now = runtime.clock.now();
    const given: GivenVerdict = { kind: verdict.kind, ...(by !== undefined && { by }), at: now, ...(entry.undo && { stuck: entry.undo }) };
    const resolved: Entry = { ...entry, ...changeOf(verdict, entry, now), verdicts: [...(entry.verdicts ?? []), given] };
    await writeVerdict(sql, id, journal.with(index, resolved), now);
    sql.notify(sagaTopic);
  });
}

const notStopped: Readonly<Record<string, string>> = {
  undoing: 'is being undone already',
  stuck: 'is being undone, and its undo waits for a verdict: retry, skip or result',
  done: 'has ended, and is done: take its effects back by a saga or a command that you write for it',
  undone: 'has ended, and is undone',
};

/**
 * Stops a running saga, also one that only waits: it is undone, with `reason` and `by` in its cause. The process that runs the saga notices
 * within seconds; if none runs, the next one does when it starts. Throws `SagaNotRunning` and `SagaUnreadable`.
 */
export async function stopSaga(
  store: Store<unknown, unknown>,
  id: string,
  { reason, by }: { readonly reason: string; readonly by?: string },
): Promise<void> {
  await store.transaction(async (tx) => {
    const sql = store.sql(tx);
    const instance = await readSaga(sql, id);
    if (!instance) throw new SagaNotRunning(`there is no saga ${id}, so nothing was stopped: list the sagas with \`listSagas\``);
    const { name, key, state, stopping } = instance;
    const which = `the saga ${name} ${key} (${id})`;
    if (stopping && state === 'running')
      throw new SagaNotRunning(`${which} is stopped already, and will be undone: ${causeText(stopping)}`);
    if (state !== 'running') throw new SagaNotRunning(`${which} ${notStopped[state]}; only a running saga can be stopped`);
    await interrupt(sql, id, { kind: 'stopped', reason, ...(by !== undefined && { by }) });
    sql.notify(sagaTopic);
  });
}

/**
 * Makes a saga that waits for the next run of a step or of its undo continue at once. A stuck saga gets the verdict `retry`, given by `by`.
 * The process that runs the saga notices within seconds. Throws `SagaNotWaiting` and `SagaUnreadable`.
 */
export async function retrySaga(
  store: Store<unknown, unknown>,
  runtime: Runtime,
  id: string,
  { by }: { readonly by?: string } = {},
): Promise<void> {
  const stuck = await store.transaction(async (tx) => {
    const sql = store.sql(tx);
    const instance = await readSaga(sql, id);
    if (!instance) throw new SagaNotWaiting(`there is no saga ${id}, so nothing was hurried: list the sagas with \`listSagas\``);
    const { name, key, state, due } = instance;
    const which = `the saga ${name} ${key} (${id})`;
    if (state === 'stuck') return true;
    if (state === 'done' || state === 'undone')
      throw new SagaNotWaiting(`${which} has ended, and is ${state}; only a saga that waits can be hurried`);
    if (due <= runtime.clock.now())
      throw new SagaNotWaiting(`${which} does not wait: it runs or is due, and continues once a process runs its service`);
    await hurry(sql, id);
    sql.notify(sagaTopic);
    return false;
  });
  if (stuck) await resolveStuck(store, runtime, id, { kind: 'retry' }, by === undefined ? {} : { by });
}
