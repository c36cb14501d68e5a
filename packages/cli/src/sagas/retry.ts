import { retrySaga } from 'seaworthy/saga';
import { onStores, type Where } from '../stores.ts';
import { formatDuration, paint, print, printJson } from '../terminal.ts';
import { atOf } from './at.ts';
import { found } from './found.ts';
import { who } from './who.ts';

/** Hurries a saga that waits, or tries the undo of a stuck one again, or says what it would do. */
export async function retry(
  id: string,
  options: Where & { readonly yes?: boolean; readonly by?: string; readonly json?: boolean },
): Promise<void> {
  await onStores(options, async (stores, runtime) => {
    const { at, instance } = await found(stores, id);
    const { name, key, state, due, error } = instance;
    const stuck = state === 'stuck';
    const waitMs = state === 'running' || state === 'undoing' ? due - runtime.clock.now() : 0;
    // Of one that does not wait it says why not, whether it was meant or not.
    if (options.yes || !(stuck || waitMs > 0)) await retrySaga(at.store, runtime, id, { by: who(options) });
    if (options.json) return printJson({ id, service: at.name, step: atOf(instance), was: state, done: options.yes === true });
    const place = paint('bold', atOf(instance) || '?');
    print(
      `${name} ${key} ${stuck ? `is stuck at ${place}` : `waits ${formatDuration(waitMs)} for ${place}`}${error === undefined ? '' : `: ${error}`}`,
    );
    if (options.yes) print('it goes on: a fleet that runs tries it again within seconds, otherwise the next one');
    else
      print(
        `${stuck ? 'its undo would be tried again' : 'it would go on now'}; ${paint('bold', 'nothing was changed')}: add --yes to do it`,
      );
  });
}
