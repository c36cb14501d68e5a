import { stopSaga } from 'seaworthy/saga';
import { UsageInvalid } from '../errors.ts';
import { onStores, type Where } from '../stores.ts';
import { paint, print, printJson } from '../terminal.ts';
import { atOf } from './at.ts';
import { found } from './found.ts';
import { who } from './who.ts';

/** Stops a saga that runs or waits, or says what it would do. */
export async function stop(
  id: string,
  options: Where & { readonly reason: string; readonly yes?: boolean; readonly by?: string; readonly json?: boolean },
): Promise<void> {
  const { reason } = options;
  if (reason.trim() === '') throw new UsageInvalid('--reason is empty: say why, the saga keeps it and its undos are told');
  const by = who(options);
  await onStores(options, async (stores) => {
    const { at, instance } = await found(stores, id);
    // Of one that cannot be stopped it says why, whether it was meant or not.
    if (options.yes || instance.state !== 'running' || instance.stopping) await stopSaga(at.store, id, { reason, by });
    if (options.json) return printJson({ id, service: at.name, reason, by, done: options.yes === true });
    print(`${instance.name} ${instance.key} runs, and is at ${paint('bold', atOf(instance) || '?')}`);
    if (options.yes) print('it is stopped: a fleet that runs undoes it within seconds, otherwise the next one');
    else print(`it would be stopped and undone; ${paint('bold', 'nothing was changed')}: add --yes to do it`);
  });
}
