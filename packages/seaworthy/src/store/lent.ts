import type { Lifetime } from '../core/lifetime.ts';
import { named } from './statement.ts';
import type { Read, Store, Tx } from './store.ts';

/**
 * The transaction as one run sees it, which may end before the transaction does: from then on it is refused. The transaction of an
 * adapter is the adapter's own, and stays as it is.
 */
export function lentTx<T>(store: Store<T, unknown>, tx: T, run: Lifetime): T {
  const own = store.sql(tx);
  if ((own as unknown) !== tx) return tx;
  const lent: Tx = {
    dialect: own.dialect,
    all: (...given) => run.use('tx', () => own.all(...given)),
    run: (...given) => run.use('tx', () => own.run(...given)),
    savepoint: (work) => run.use('tx', () => own.savepoint(work)),
    get level() {
      return own.level;
    },
  };
  return lent as T;
}

/** `read` as one run sees it, which must await what it reads. An adapter's own stays as it is. */
export function lentRead<R>({ read, sqlRead }: Store<unknown, R>, run: Lifetime): R {
  if ((read as unknown) !== sqlRead) return read;
  const all: Read['all'] = (sql, ...values) => run.use('read', () => run.watch(named(sql), sqlRead.all(sql, ...values)));
  return { all } as R;
}
