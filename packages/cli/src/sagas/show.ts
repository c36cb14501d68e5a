import { shownSaga } from '../secrets.ts';
import { onStores, type Where } from '../stores.ts';
import { print, printJson } from '../terminal.ts';
import { findSaga } from './find-saga.ts';
import { timeline } from './timeline.ts';

/** Prints the timeline of one saga. */
export async function show(id: string, options: Where & { readonly json?: boolean }): Promise<void> {
  await onStores(options, async (stores, { clock }) => {
    const { at, instance: kept } = await findSaga(stores, id);
    const instance = shownSaga(at.service, kept);
    if (options.json) return printJson({ service: at.name, ...instance });
    for (const line of timeline(at.name, instance, clock.now())) print(line);
  });
}
