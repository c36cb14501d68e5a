import { claimStatement } from '../claim.ts';
import { type Dialect, deleteChosen, insertInto, overwriting, partialIndex } from '../dialect.ts';

/** Strict tables refuse a value that is not of its column's type, as other engines do (https://sqlite.org/stricttables.html). */
export const sqliteDialect: Dialect = {
  name: 'sqlite',
  types: { identity: 'integer primary key autoincrement', key: 'text', ascii: 'text', text: 'text', integer: 'integer', bytes: 'blob' },
  tableOptions: ' strict',
  hotTableOptions: ' strict',
  partialIndex,
  isJson: (expression) => `json_valid(${expression})`,
  insertNew: (insertion) => `${insertInto(insertion)} on conflict (${insertion.key}) do nothing`,
  upsert: ({ set, ...insertion }) =>
    `${insertInto(insertion)} on conflict (${insertion.key}) do update set ${overwriting(set, (column) => `excluded.${column}`)}`,
  deleteFirst: deleteChosen,
  claim(tx, claiming, most) {
    const { sql, values } = claimStatement(claiming, most);
    return tx.all(sql, ...values);
  },
  transactionalDdl: true,
  refusesFractions: true,
};
