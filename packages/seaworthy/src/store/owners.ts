import type { Fragment } from './statements.ts';

/** A table whose rows carry the ids of their workers, and which of its rows count. */
export interface Owned {
  readonly table: string;
  /** A condition, in the words of the partial index that begins with `owner`. */
  readonly live: string;
}

/**
 * Returns a query for the owners of rows, by the name `owners`. It enters the index once for each owner, so that the number of rows does
 * not matter. Put `with recursive` before it.
 */
export function ownersQuery({ table, live }: Owned): string {
  const first = `select min(owner) from ${table} where ${live}`;
  return `owners (owner) as (${first}
    union all select (${first} and ${table}.owner > owners.owner) from owners where owners.owner is not null)`;
}

/** Returns a query for the owners of rows that meet `which`, a condition on `owner`. */
export const ownersOf = (owned: Owned, which: Fragment): Fragment => ({
  sql: `with recursive ${ownersQuery(owned)} select owner from owners where owner is not null and ${which.sql}`,
  values: which.values,
});
