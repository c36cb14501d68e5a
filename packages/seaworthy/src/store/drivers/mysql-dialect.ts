import { type Claiming, type Dialect, insertInto, overwriting } from '../dialect.ts';
import type { Most } from '../read-some.ts';
import type { Row, Statements, Value } from '../store.ts';

/** MySQL 8.0.17 or newer, or MariaDB 10.6 or newer. */
export type Flavour = 'mysql' | 'mariadb';

/** Collations by which a text is equal only to itself: case, accents and spaces at its end count. */
export const collations: Readonly<Record<Flavour, string>> = { mysql: 'utf8mb4_0900_bin', mariadb: 'utf8mb4_nopad_bin' };

/**
 * The end of an insert that leaves rows alone that are there already. `ignore` would ignore other errors too: where a row was not
 * inserted, the session looks for them among the warnings. (`on duplicate key update` reports no errors by warnings, but one row both for
 * a row that it made and for one that was there, unless the user's pool is made with other flags than by default.)
 */
export const newRowsOnly = '/* new rows only */';

const marks = (count: number): string => Array(count).fill('?').join(', ');

/** Selects rows that nobody else is taking, writes them by their keys, and reads them: there is no `returning`. */
async function claim(tx: Statements, claiming: Claiming, most: Most): Promise<readonly Row[]> {
  const { table, key, live, due, owner, worker, set, columns, size } = claiming;
  const id = key.join(', ');
  const conditions = [live, ...(due ? [due] : []), owner];
  const candidates = await tx.all(
    `select ${id}, coalesce(${size}, 0) as claim_size from ${table}
      where ${conditions.map((one) => `(${one.sql})`).join(' and ')} order by due, ${id} limit ? for update skip locked`,
    ...conditions.flatMap((one) => one.values),
    most.rows,
  );
  let total = 0;
  const taken = candidates.filter((row, index) => {
    total += Number(row['claim_size']);
    return index === 0 || total <= most.bytes;
  });
  if (taken.length === 0) return [];
  const keys = taken.flatMap((row) => key.map((column): Value => row[column] ?? null));
  const which =
    key.length === 1 ? `${id} in (${marks(taken.length)})` : `(${id}) in (${taken.map(() => `(${marks(key.length)})`).join(', ')})`;
  // An assignment sees what those before it have set, so the owner comes last.
  await tx.run(`update ${table} set ${set ? `${set.sql}, ` : ''}owner = ? where ${which}`, ...(set?.values ?? []), worker, ...keys);
  return tx.all(`select ${columns}, due as claim_due from ${table} where ${which}`, ...keys);
}

export function mysqlDialect(flavour: Flavour): Dialect {
  const charset = `character set utf8mb4 collate ${collations[flavour]}`;
  const options = ` engine = InnoDB ${charset}`;
  return {
    name: 'mysql',
    types: {
      identity: 'bigint not null auto_increment primary key',
      // An index has at most 3072 bytes, at four for each character.
      key: `varchar(255) ${charset}`,
      ascii: `varchar(1000) character set ascii collate ${flavour === 'mariadb' ? 'ascii_nopad_bin' : 'ascii_bin'}`,
      text: `longtext ${charset}`,
      integer: 'bigint',
      bytes: 'longblob',
    },
    tableOptions: options,
    hotTableOptions: options,
    partialIndex: ({ name, table, whole }) => (whole === undefined ? [] : [`create index ${name} on ${table} (${whole})`]),
    isJson: (expression) => `json_valid(${expression})`,
    insertNew: (insertion) => `${insertInto(insertion).replace('insert', 'insert ignore')} ${newRowsOnly}`,
    upsert: ({ set, ...insertion }) =>
      `${insertInto(insertion)} on duplicate key update ${overwriting(set, (column) => `values(${column})`)}`,
    deleteFirst: ({ table, where, order, limit }) => ({
      sql: `delete from ${table} where ${where.sql} order by ${order} limit ?`,
      values: [...where.values, limit],
    }),
    claim,
    transactionalDdl: false,
    refusesFractions: false,
  };
}
