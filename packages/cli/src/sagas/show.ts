import { shownSaga } from '../secrets.ts';
import { onStores, type Where } from '../stores.ts';
import { print, printJson } from '../terminal.ts';
import { found } from './found.ts';
import { timeLine } from './time-line.ts';

/** Prints the time line of one saga. */
export async function show(id: string, options: Where & { readonly json?: boolean }): Promise<void> {
  await onStores(options, async (stores, { clock }) => {
    const { at, instance: kept } = await found(stores, id);
    const instance = shownSaga(at.service, kept);
    if (options.json) return printJson({ service: at.name, ...instance });
    for (const line of timeLine(at.name, instance, clock.now())) print(line);
  });
}
