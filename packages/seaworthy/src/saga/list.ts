import type { Read, Row, Value } from '../store/store.ts';
import type { Instance, SagaState } from './journal.ts';
import { instanceOf, shownOf } from './row.ts';

/** Which instances. Everything that is given must hold. */
export interface SagaFilter {
  readonly name?: string | undefined;
  readonly key?: string | undefined;
  readonly state?: SagaState | undefined;
}

/** The instances of one service, the newest first. Default the first 100 of them. */
export async function listSagas(
  read: Read,
  { name, key, state }: SagaFilter = {},
  { limit = 100, offset = 0 }: { readonly limit?: number; readonly offset?: number } = {},
): Promise<readonly Instance[]> {
  const given = Object.entries({ name, key, state }).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const values: Value[] = given.map(([, value]) => value);
  const where = given.map(([column]) => `${column} = ?`).join(' and ') || '1 = 1';
  const rows = await read.all(`select * from sw_saga where ${where} order by id desc limit ? offset ?`, ...values, limit, offset);
  return rows.map(shownOf);
}

const rowOf = async (read: Read, id: string): Promise<Row | undefined> => (await read.all('select * from sw_saga where id = ?', id))[0];

/** One instance by its id, to be looked at; `undefined` when there is none. */
export async function sagaOf(read: Read, id: string): Promise<Instance | undefined> {
  const row = await rowOf(read, id);
  return row && shownOf(row);
}

/** One instance to be carried on; `undefined` when there is none. Throws `SagaUnreadable`. */
export async function readSaga(read: Read, id: string): Promise<Instance | undefined> {
  const row = await rowOf(read, id);
  return row && instanceOf(row);
}
