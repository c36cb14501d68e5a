import { checkOptions } from '../core/options.ts';
import { readSome } from '../store/read-some.ts';
import type { Read, Row, Value } from '../store/store.ts';
import { type Instance, type SagaState, sagaColumns, shownOf } from './instance.ts';
import { rowOf } from './saga-store.ts';

/** Selects the instances that meet every condition that is given. */
export interface SagaFilter {
  readonly name?: string | undefined;
  readonly key?: string | undefined;
  readonly state?: SagaState | undefined;
}

/** An instance in a list. */
export interface ListedSaga extends Instance {
  /** The instance takes more than 16 kB: its input, the results of its steps and the data of a declared error are left out. `sagaOf` has them. */
  readonly abridged?: true;
}

const page = { rows: 100, bytes: 2 ** 22 };
const wholeBytes = 16 * 2 ** 10;
const size = 'octet_length(input) + octet_length(journal) + coalesce(octet_length(cause), 0)';

function listed(row: Row): ListedSaga {
  const { journal, cause, ...rest } = shownOf(row);
  if (Number(row['size']) <= wholeBytes) return { ...rest, journal, cause };
  return {
    ...rest,
    input: undefined,
    journal: journal.map(({ result: _, ...entry }) => entry),
    cause: cause?.kind === 'declared' ? { ...cause, data: undefined } : cause,
    abridged: true,
  };
}

/** Returns the instances that `from` selects, in its order. The rows are read a few at a time, since each may be large. */
export async function listFrom(
  read: Read,
  from: string,
  values: readonly Value[],
  { limit = 100, offset = 0 }: { readonly limit?: number; readonly offset?: number },
): Promise<readonly ListedSaga[]> {
  const ids = (await read.all(`select id from ${from} limit ? offset ?`, ...values, limit, offset)).map(({ id }) => String(id));
  const found = new Map<string, ListedSaga>();
  for (let rest: readonly string[] = ids; rest.length > 0; ) {
    const some = rest.slice(0, page.rows);
    const { rows, more } = await readSome(
      read,
      {
        columns: `${sagaColumns}, ${size} as size`,
        size,
        from: `sw_saga where id in (${some.map(() => '?').join(', ')}) order by id`,
        values: some,
      },
      page,
    );
    for (const row of rows) found.set(String(row['id']), listed(row));
    rest = more ? rest.filter((id) => !found.has(id)) : rest.slice(some.length);
  }
  return ids.flatMap((id) => found.get(id) ?? []);
}

/** Returns the instances of one service, the newest first. Default: the first 100 of them. */
export async function listSagas(
  read: Read,
  filter: SagaFilter = {},
  options: { readonly limit?: number; readonly offset?: number } = {},
): Promise<readonly ListedSaga[]> {
  checkOptions('a filter of sagas', filter, { name: true, key: true, state: true });
  const { name, key, state } = filter;
  const given = Object.entries({ name, saga_key: key, state }).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const where = given.map(([column]) => `${column} = ?`).join(' and ') || '1 = 1';
  return listFrom(
    read,
    `sw_saga where ${where} order by id desc`,
    given.map(([, value]) => value),
    options,
  );
}

/** Returns one instance by its id, to be shown; `undefined` when there is none. */
export async function sagaOf(read: Read, id: string): Promise<Instance | undefined> {
  const row = await rowOf(read, id);
  return row && shownOf(row);
}
