import { orAborted } from '../core/abort.ts';
import type { Lifetime } from '../core/lifetime.ts';
import type { Dialect } from './dialect.ts';
import { allBy, readerBy } from './read-by.ts';
import { statementName } from './statement-name.ts';
import type { Level, Store, Tx } from './store.ts';

/** The transaction for one run. It is a class for the sake of its getter, which is slow in an object literal. */
class LentTx implements Tx {
  readonly dialect: Dialect;
  readonly #tx: Tx;
  readonly #life: Lifetime;

  constructor(tx: Tx, life: Lifetime) {
    this.dialect = tx.dialect;
    this.#tx = tx;
    this.#life = life;
  }

  readonly all = allBy((sql, values) => this.#life.use('tx', () => this.#tx.all(sql, ...values)));

  readonly run: Tx['run'] = (...given) => this.#life.use('tx', () => this.#tx.run(...given));

  readonly runAll: Tx['runAll'] = (statements) => this.#life.use('tx', () => this.#tx.runAll(statements));

  readonly savepoint: Tx['savepoint'] = (work) => this.#life.use('tx', () => this.#tx.savepoint(work));

  readonly runAtCommit: Tx['runAtCommit'] = (...given) => {
    this.#life.check('tx');
    return this.#tx.runAtCommit(...given);
  };

  readonly notify: Tx['notify'] = (topic) => {
    this.#life.check('tx');
    this.#tx.notify(topic);
  };

  get level(): Level {
    return this.#tx.level;
  }
}

/**
 * Returns the transaction for one run, which may end before the transaction does: from then on every use is refused. The transaction
 * of an adapter has a type of its own, and is returned unchanged.
 */
export function lentTx<T>(store: Store<T, unknown>, tx: T, run: Lifetime): T {
  const sql = store.sql(tx);
  return (sql as unknown) === tx ? (new LentTx(sql, run) as T) : tx;
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
