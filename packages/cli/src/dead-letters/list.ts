import { limitOf } from '../limit.ts';
import { shownKey } from '../secrets.ts';
import type { Where } from '../stores.ts';
import { ago, paint, print, printJson, table } from '../terminal.ts';
import { onDeadLetterStores } from './dead-letter-stores.ts';
import { type FilterOptions, filterOf } from './filter.ts';

/** Prints the dead letters of all services. */
export async function list(options: Where & FilterOptions & { readonly limit: string; readonly json?: boolean }): Promise<void> {
  const limit = limitOf(options.limit);
  await onDeadLetterStores(options, async (stores, { clock }) => {
    const filter = filterOf(options);
    const letters = (
      await Promise.all(
        stores.map(async ({ service, letters }) =>
          (await letters.list(filter, { limit })).map((one) => ({ ...one, key: shownKey(service, one.type, one.key) })),
        ),
      )
    ).flat();
    if (options.json) return printJson(letters);
    if (letters.length === 0) return print('there are no dead letters');
    const rows = letters.map(({ id, consumer, type, key, reason, attempts, at, error }) => [
      id,
      consumer,
      type,
      key,
      paint(reason === 'failed' ? 'red' : 'yellow', reason),
      String(attempts),
      ago(at, clock.now()),
      error,
    ]);
    print(table(['id', 'service', 'event', 'key', 'reason', 'attempts', 'since', 'error'], rows));
    const all = (await Promise.all(stores.map(({ letters }) => letters.summary(filter)))).flat();
    const total = all.reduce((sum, { count }) => sum + count, 0);
    if (total > letters.length) print(paint('dim', `${letters.length} of ${total}; see more with --limit`));
  });
}
