import { retrySaga } from 'seaworthy/saga';
import { dryRun } from '../dry-run.ts';
import { onStores, type Where } from '../stores.ts';
import { formatDuration, paint, print, printJson } from '../terminal.ts';
import { findSaga } from './find-saga.ts';
import { operatorOf } from './operator.ts';
import { positionOf } from './saga-position.ts';

/** Makes a waiting saga continue now, or retries the undo of a stuck one. Without `--yes` it only prints what it would do. */
export async function retry(
  id: string,
  options: Where & { readonly yes?: boolean; readonly by?: string; readonly json?: boolean },
): Promise<void> {
  await onStores(options, async (stores, runtime) => {
    const { at, instance } = await findSaga(stores, id);
    const { name, key, state, due, error } = instance;
    const stuck = state === 'stuck';
    const waitMs = state === 'running' || state === 'undoing' ? due - runtime.clock.now() : 0;
    // A saga that does not wait is refused even without `--yes`, with the reason.
    if (options.yes || !(stuck || waitMs > 0)) await retrySaga(at.store, runtime, id, { by: operatorOf(options) });
    if (options.json) return printJson({ id, service: at.name, step: positionOf(instance), was: state, done: options.yes === true });
    const position = paint('bold', positionOf(instance) || '?');
    print(
      `${name} ${key} ${stuck ? `is stuck at ${position}` : `waits ${formatDuration(waitMs)} for ${position}`}${error === undefined ? '' : `: ${error}`}`,
    );
    if (options.yes) print('it continues: a running fleet retries it within seconds, otherwise the next fleet does when it starts');
    else dryRun(stuck ? 'its undo would be retried' : 'it would continue now');
  });
}
