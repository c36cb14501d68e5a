import type { Claiming } from './dialect.ts';
import type { Most } from './read-some.ts';
import type { Fragment, Row } from './statements.ts';
import type { Tx } from './store.ts';

/**
 * Writes the whole claim as one statement, so that two workers never both take a row. `lock` follows the selection of the rows, on engines
 * where a worker would otherwise wait for the rows that another one is taking.
 */
export function claimStatement({ table, key, live, due, owner, worker, set, columns, size }: Claiming, most: Most, lock = ''): Fragment {
  const id = key.join(', ');
  const conditions = [live, ...(due ? [due] : []), owner];
  const sql = `with candidate as materialized (
      select ${id}, due, coalesce(${size}, 0) as size from ${table}
        where ${conditions.map((one) => `(${one.sql})`).join(' and ')} order by due limit ? ${lock}),
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
export async function claim(tx: Tx, claiming: Claiming, most: Most): Promise<readonly Row[]> {
  if (most.rows <= 0) return [];
  const rows = await tx.dialect.claim(tx, claiming, most);
  return [...rows].sort((one, other) => Number(one['claim_due']) - Number(other['claim_due']));
}
