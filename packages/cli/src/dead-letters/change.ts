import { dryRun } from '../dry-run.ts';
import { UsageInvalid } from '../errors.ts';
import type { Where } from '../stores.ts';
import { counted, print, printJson, table } from '../terminal.ts';
import { onDeadLetterStores, unknown } from './dead-letter-stores.ts';
import { type FilterOptions, filterOf } from './filter.ts';

interface ChangeOptions extends Where, FilterOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

async function change(kind: 'redrive' | 'drop', ids: readonly string[], options: ChangeOptions): Promise<void> {
  const { type, reason, key, olderThan, service, all, yes } = options;
  if (ids.length === 0 && !all && [type, reason, key, olderThan, service].every((one) => one === undefined))
    throw new UsageInvalid(`name the dead letters to ${kind}: ids, --service, --type, --reason, --key, --older-than, or --all`);
  await onDeadLetterStores(options, async (stores) => {
    const filter = filterOf(options, ids);
    const found: string[] = [];
    for (const { letters } of stores)
      if (ids.length > 0) found.push(...(await letters.list({ ids }, { limit: ids.length })).map(({ id }) => id));
    const missing = ids.find((id) => !found.includes(id));
    if (missing !== undefined) throw unknown(missing);
    const matched: { service: string; type: string; reason: string; count: number }[] = [];
    for (const { name, letters } of stores) for (const one of await letters.summary(filter)) matched.push({ service: name, ...one });
    let done = 0;
    if (yes) for (const { letters } of stores) done += await letters[kind](filter);
    if (options.json) return printJson({ matched, done: yes ? done : 0 });
    const total = matched.reduce((sum, { count }) => sum + count, 0);
    if (total === 0) return print('no dead letters match');
    print(
      table(
        ['service', 'event', 'reason', 'count'],
        matched.map((one) => [one.service, one.type, one.reason, String(one.count)]),
      ),
    );
    if (!yes) return dryRun(`${counted(total, 'dead letter')} would be ${kind === 'drop' ? 'deleted' : 'redriven'}`);
    print(
      kind === 'drop'
        ? `${counted(done, 'dead letter')} deleted`
        : `${counted(done, 'dead letter')} redriven: a running fleet handles them within a second`,
    );
  });
}

/** Returns dead letters to their handlers, or prints which ones it would return. */
export const redrive = (ids: readonly string[], options: ChangeOptions): Promise<void> => change('redrive', ids, options);
/** Deletes dead letters, or prints which ones it would delete. */
export const drop = (ids: readonly string[], options: ChangeOptions): Promise<void> => change('drop', ids, options);
