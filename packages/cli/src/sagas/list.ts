import { type ListedSaga, listSagas, type SagaState } from 'seaworthy/saga';
import { limitOf } from '../limit.ts';
import { shownSaga } from '../secrets.ts';
import { onStores, type Where } from '../stores.ts';
import { ago, paint, print, printJson, table } from '../terminal.ts';
import { causeOf, positionOf } from './saga-position.ts';
import { inColour } from './timeline.ts';

/** Prints the sagas of all services. */
export async function list(
  options: Where & {
    readonly name?: string;
    readonly key?: string;
    readonly state?: SagaState;
    readonly limit: string;
    readonly json?: boolean;
  },
): Promise<void> {
  const { name, key, state } = options;
  const limit = limitOf(options.limit);
  await onStores(options, async (stores, { clock }) => {
    const all: (ListedSaga & { readonly service: string })[] = [];
    for (const { name: service, service: definition, store } of stores)
      for (const one of await listSagas(store.sqlRead, { name, key, state }, { limit }))
        all.push({ ...shownSaga(definition, one), service });
    all.sort((a, b) => b.started - a.started);
    if (options.json) return printJson(all);
    if (all.length === 0) return print('no sagas found');
    const now = clock.now();
    const rows = all.map((one) => [
      one.id,
      one.service,
      one.name,
      one.key === one.id ? '' : one.key,
      one.unreadable === undefined ? inColour(one.state) : paint('red', `unreadable (${one.state})`),
      positionOf(one),
      ago(one.started, now),
      one.unreadable ?? one.error ?? causeOf(one) ?? '',
    ]);
    print(table(['id', 'service', 'saga', 'key', 'state', 'at', 'started', 'error or cause'], rows));
  });
}
