import { SeaworthyError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Row, Store, Tx } from '../store/store.ts';
import { causeText } from './cause.ts';
import { hurried, interrupt } from './journal.ts';
import { instanceOf, sagaColumns } from './row.ts';
import { resolveStuck } from './verdict.ts';

/** Only a saga that runs can be stopped: this one has ended, is being undone or stuck, is to be stopped already, or does not exist. */
export class SagaNotRunning extends SeaworthyError {
  readonly code = 'SW_SAGA_NOT_RUNNING';
  readonly kind = 'conflict';
}

/** Only a saga that waits can be hurried: this one has ended, is at work or may go on at any time, or does not exist. */
export class SagaNotWaiting extends SeaworthyError {
  readonly code = 'SW_SAGA_NOT_WAITING';
  readonly kind = 'conflict';
}

const rowOf = async (tx: Tx, id: string): Promise<Row | undefined> =>
  (await tx.all(`select ${sagaColumns} from sw_saga where id = ?`, id))[0];

const notStopped: Readonly<Record<string, string>> = {
  undoing: 'is being undone already',
  stuck: 'is being undone, and its undo waits for a verdict: retry, skip or result',
  done: 'has ended, and is done: take it back by a saga or a command of its own',
  undone: 'has ended, and is undone',
};

/**
 * Stops a running saga, also one that only waits: it is undone, and `reason` and `by` are in its cause. Whoever runs it notices
 * within a second or so, otherwise the next one who does. Throws `SagaNotRunning`, `SagaUnreadable`.
 */
export async function stopSaga(
  store: Store<unknown, unknown>,
  id: string,
  { reason, by }: { readonly reason: string; readonly by?: string },
): Promise<void> {
  await store.transaction(async (tx) => {
    const own = store.sql(tx);
    const row = await rowOf(own, id);
    if (!row) throw new SagaNotRunning(`there is no saga ${id}, so that nothing is stopped`);
    const { name, key, state, stopping } = instanceOf(row);
    const which = `the saga ${name} ${key} (${id})`;
    if (stopping && state === 'running') throw new SagaNotRunning(`${which} is to be undone already: ${causeText(stopping)}`);
    if (state !== 'running') throw new SagaNotRunning(`${which} ${notStopped[state]}; only one that runs can be stopped`);
    await interrupt(own, id, { kind: 'stopped', reason, ...(by !== undefined && { by }) });
  });
}

/**
 * Hurries a saga that waits for the next run of a step or of its undo: it goes on at once. One that is stuck gets the verdict
 * `retry`, by `by`. Whoever runs it notices within a second or so. Throws `SagaNotWaiting`, `SagaUnreadable`.
 */
export async function retrySaga(
  store: Store<unknown, unknown>,
  runtime: Runtime,
  id: string,
  { by }: { readonly by?: string } = {},
): Promise<void> {
  const stuck = await store.transaction(async (tx) => {
    const own = store.sql(tx);
    const row = await rowOf(own, id);
    if (!row) throw new SagaNotWaiting(`there is no saga ${id}, so that nothing is hurried`);
    const { name, key, state, due } = instanceOf(row);
    const which = `the saga ${name} ${key} (${id})`;
    if (state === 'stuck') return true;
    if (state === 'done' || state === 'undone')
      throw new SagaNotWaiting(`${which} has ended, and is ${state}: there is nothing to run again`);
    if (due <= runtime.clock.now())
      throw new SagaNotWaiting(`${which} waits for no time: it is at work or in line, or goes on once a process runs its service`);
    // Its version stays: what its owner has in hand is not in vain.
    await own.run('update sw_saga set due = ? where id = ?', hurried, id);
    return false;
  });
  if (stuck) await resolveStuck(store, runtime, id, { kind: 'retry' }, by === undefined ? {} : { by });
}
