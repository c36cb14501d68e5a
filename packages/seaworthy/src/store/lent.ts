import { orAborted } from '../core/abort.ts';
import type { Lifetime } from '../core/lifetime.ts';
import { allBy, readerBy } from './read-by.ts';
import { statementName } from './statement-name.ts';
import type { Store, Tx } from './store.ts';

/**
 * Returns the transaction for one run, which may end before the transaction does: from then on every use is refused. The transaction
 * of an adapter has a type of its own, and is returned unchanged.
 */
export function lentTx<T>(store: Store<T, unknown>, tx: T, run: Lifetime): T {
  const sql = store.sql(tx);
  if ((sql as unknown) !== tx) return tx;
  const lent: Tx = {
    dialect: sql.dialect,
    all: allBy((text, values) => run.use('tx', () => sql.all(text, ...values))),
    run: (...given) => run.use('tx', () => sql.run(...given)),
    runAll: (statements) => run.use('tx', () => sql.runAll(statements)),
    savepoint: (work) => run.use('tx', () => sql.savepoint(work)),
    runAtCommit: run.lend('tx', sql.runAtCommit),
    notify: run.lend('tx', sql.notify),
    get level() {
      return sql.level;
    },
  };
  return lent as T;
}

/**
 * Returns `read` for one run, which must await its queries; they end when `signal` aborts. The `read` of an adapter is returned
 * unchanged.
 */
export function lentRead<R>({ read, sqlRead }: Store<unknown, R>, run: Lifetime, signal: AbortSignal): R {
  if ((read as unknown) !== sqlRead) return read;
  return readerBy((sql, values, given) =>
    run.use('read', () => {
      const rows = sqlRead.withSignal(given ?? signal).all(sql, ...values);
      return run.watch(statementName(sql), given ? orAborted(rows, signal) : rows);
    }),
  ) as R;
}
