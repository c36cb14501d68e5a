import { UsageInvalid } from '../errors.ts';
import type { Where } from '../stores.ts';
import { counted, print, printJson, table } from '../terminal.ts';
import { onBoxes, unknown } from './boxes.ts';
import { dry } from './dry.ts';
import { type Filtering, filterOf } from './filter.ts';

interface Changing extends Where, Filtering {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

async function change(kind: 'redrive' | 'drop', ids: readonly string[], options: Changing): Promise<void> {
  const { type, reason, key, olderThan, service, all, yes } = options;
  if (ids.length === 0 && !all && [type, reason, key, olderThan, service].every((one) => one === undefined))
    throw new UsageInvalid(`say which to ${kind}: ids, --service, --type, --reason, --key, --older-than, or --all`);
  await onBoxes(options, async (boxes) => {
    const filter = filterOf(options, ids);
    const found: string[] = [];
    for (const { letters } of boxes)
      if (ids.length > 0) found.push(...(await letters.list({ ids }, { limit: ids.length })).map(({ id }) => id));
    const missing = ids.find((id) => !found.includes(id));
    if (missing !== undefined) throw unknown(missing);
    const matched: { service: string; type: string; reason: string; count: number }[] = [];
    for (const { name, letters } of boxes) for (const one of await letters.summary(filter)) matched.push({ service: name, ...one });
    let done = 0;
    if (yes) for (const { letters } of boxes) done += await letters[kind](filter);
    if (options.json) return printJson({ matched, done: yes ? done : 0 });
    const total = matched.reduce((sum, { count }) => sum + count, 0);
    if (total === 0) return print('no dead letter matches');
    print(
      table(
        ['service', 'event', 'reason', 'count'],
        matched.map((one) => [one.service, one.type, one.reason, String(one.count)]),
      ),
    );
    if (!yes) return dry(`${counted(total, 'dead letter')} would be ${kind === 'drop' ? 'deleted' : 'given back to their handlers'}`);
    print(
      kind === 'drop'
        ? `${counted(done, 'dead letter')} deleted`
        : `${counted(done, 'dead letter')} given back: a running fleet takes them up within a second`,
    );
  });
}

/** Gives dead letters back to their handlers, or says which would be. */
export const redrive = (ids: readonly string[], options: Changing): Promise<void> => change('redrive', ids, options);
/** Deletes dead letters, or says which would be. */
export const drop = (ids: readonly string[], options: Changing): Promise<void> => change('drop', ids, options);
