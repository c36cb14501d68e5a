import type { Most } from './read-some.ts';
import type { Row, Store, Tx, Value } from './store.ts';

/** An SQL condition, and the values of its placeholders. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** Which rows of a table a worker takes, and what it writes on them. */
export interface Claiming {
  readonly table: string;
  /** The columns of its primary key. */
  readonly key: readonly string[];
  /** Rows that are work at all, such as those of one consumer. */
  readonly live: Condition;
  /** Rows whose time has come; see `isDue`. The column `due` gives the order in any case. Default: all of them. */
  readonly due?: Condition | undefined;
  /** Rows that the worker may take by their `owner`: free ones, its own, or those of dead workers (`Worker.dead`). */
  readonly owner: Condition;
  /** The worker's id, written into the column `owner`. It is the fence of every later write. */
  readonly worker: string;
  /** Further columns to write, such as `crashes = crashes + 1`. Default none. */
  readonly set?: Condition;
  /** The columns that are returned. */
  readonly columns: string;
  /** An expression: how large a row is in bytes. */
  readonly size: string;
}

const lock: Readonly<Record<Store['dialect'], string>> = { sqlite: '', postgres: 'for update skip locked' };

/** The whole claim as one statement, so that two workers never both take a row and none waits for a row of another. */
function statement(
  dialect: Store['dialect'],
  { table, key, live, due, owner, worker, set, columns, size }: Claiming,
  most: Most,
): Condition {
  const id = key.join(', ');
  const conditions = [live, ...(due ? [due] : []), owner];
  const sql = `with candidate as materialized (
      select ${id}, due, coalesce(${size}, 0) as size from ${table}
        where ${conditions.map((one) => `(${one.sql})`).join(' and ')} order by due limit ? ${lock[dialect]}),
    measured as (
      select ${id}, row_number() over in_order as place, sum(size) over in_order as total from candidate
        window in_order as (order by due, ${id} rows unbounded preceding))
    update ${table} set owner = ?${set ? `, ${set.sql}` : ''}
      where (${id}) in (select ${id} from measured where place = 1 or total <= ?) returning ${columns}, due as claim_due`;
  const values = [...conditions.flatMap((one) => one.values), most.rows, worker, ...(set?.values ?? []), most.bytes];
  return { sql, values };
}

/**
 * Takes rows for a worker: the first ones, as many as are allowed by number and by size, and at least one. Returns them as they are
 * now, ordered by `due`. Until the worker lets go of them, or dies, no other worker takes them.
 */
export async function claim(tx: Tx, dialect: Store['dialect'], claiming: Claiming, most: Most): Promise<readonly Row[]> {
  if (most.rows <= 0) return [];
  const { sql, values } = statement(dialect, claiming, most);
  const rows = await tx.all(sql, ...values);
  return [...rows].sort((one, other) => Number(one['claim_due']) - Number(other['claim_due']));
}
