import { stopSaga } from 'seaworthy/saga';
import { dryRun } from '../dry-run.ts';
import { UsageInvalid } from '../errors.ts';
import { onStores, type Where } from '../stores.ts';
import { paint, print, printJson } from '../terminal.ts';
import { findSaga } from './find-saga.ts';
import { operatorOf } from './operator.ts';
import { positionOf } from './saga-position.ts';

/** Stops a saga that runs or waits. Without `--yes` it only prints what it would do. */
export async function stop(
  id: string,
  options: Where & { readonly reason: string; readonly yes?: boolean; readonly by?: string; readonly json?: boolean },
): Promise<void> {
  const { reason } = options;
  if (reason.trim() === '') throw new UsageInvalid('--reason is empty; the saga records the reason and gives it to its undos: write one');
  const by = operatorOf(options);
  await onStores(options, async (stores) => {
    const { at, instance } = await findSaga(stores, id);
    // A saga that cannot be stopped is refused even without `--yes`, with the reason.
    if (options.yes || instance.state !== 'running' || instance.stopping) await stopSaga(at.store, id, { reason, by });
    if (options.json) return printJson({ id, service: at.name, reason, by, done: options.yes === true });
    print(`${instance.name} ${instance.key} runs, and is at ${paint('bold', positionOf(instance) || '?')}`);
    if (options.yes) print('it is stopped: a running fleet undoes it within seconds, otherwise the next fleet does when it starts');
    else dryRun('it would be stopped and undone');
  });
}
