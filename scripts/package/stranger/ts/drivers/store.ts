// A store driver of one's own: a file of SQLite for each service, whose transactions run one by one.
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite';
import type { Runtime } from 'seaworthy/core';
import {
  type Changed,
  CommitFailed,
  type Dialect,
  MigrationFailed,
  type Row,
  StatementFailed,
  type Store,
  StoreClosed,
  type StoreDriver,
  type TransactionOptions,
  type Tx,
  UniqueViolation,
  type Value,
  type Values,
} from 'seaworthy/store';
import {
  allBy,
  applyMigrations,
  changedTable,
  claimStatement,
  deleteChosen,
  insertInto,
  orAborted,
  overwriting,
  partialIndex,
  readerBy,
  Topics,
  TxState,
  type Verify,
  well,
} from 'seaworthy/store/driver-kit';

const dialect: Dialect = {
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

const control = /^[\s\ufeff]*(\/\*.*?\*\/\s*)?(pragma|attach|detach|vacuum|begin|commit|end|rollback|savepoint|release)\b/is;
const others = /^\s*create\s+temp|"temp"|\bin\s*\(\s*\)|;\s*\S/i;
const changing = /^\s*(with|insert|update|delete|replace)\b/i;

function toColumn(value: Value | undefined): SQLInputValue {
  if (typeof value === 'string' && value.includes('\0')) throw new TypeError('a text with U+0000 in it');
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return Number.isSafeInteger(value) ? BigInt(value as number) : (value ?? null);
}

const toValue = (value: SQLOutputValue): Value =>
  typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;

/** One connection. What SQLite refuses, or must not see, is thrown as `StatementFailed`. */
class Connection {
  readonly database: DatabaseSync;

  constructor(path: string, readOnly: boolean) {
    this.database = new DatabaseSync(path, { readOnly, timeout: 5000 });
  }

  #execute<R>(sql: string, values: Values, use: (columns: readonly SQLInputValue[]) => R): R {
    try {
      if (control.test(sql) || others.test(sql)) throw new TypeError('not a statement for a transaction');
      if (sql.split('?').length - 1 !== values.length) throw new TypeError('not a value for each placeholder');
      return use(values.map(toColumn));
    } catch (cause) {
      const message = `${(cause as Error).message}, in: ${sql}`;
      // https://sqlite.org/rescode.html: a primary key, and a unique constraint.
      if ([1555, 2067].includes((cause as { errcode?: number }).errcode ?? 0))
        throw new UniqueViolation(message, { cause, table: changedTable(sql) });
      throw new StatementFailed(message, { cause });
    }
  }

  all(sql: string, values: Values): readonly Row[] {
    return this.#execute(sql, values, (columns) => {
      const statement = this.database.prepare(sql);
      statement.setReadBigInts(true);
      const rows = statement.all(...columns);
      return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, toValue(value)])));
    });
  }

  run(sql: string, values: Values): Changed {
    return this.#execute(sql, values, (columns) => {
      const { changes } = this.database.prepare(sql).run(...columns);
      return { changes: changing.test(sql) ? Number(changes) : 0 };
    });
  }
}

function txOf(writer: Connection, state: TxState): Tx {
  const { database } = writer;
  function step<R>(execute: () => R): R {
    state.check();
    try {
      return execute();
    } catch (error) {
      if (database.isTransaction) state.lose(error);
      else state.fail(error);
      throw error;
    }
  }
  async function savepoint<V>(work: () => Promise<V>): Promise<V> {
    state.check();
    const mark = state.enter();
    const name = `level${mark.depth}`;
    database.exec(`savepoint ${name}`);
    let value: V;
    try {
      value = await work();
    } catch (error) {
      state.leave(mark, false);
      database.exec(`rollback to ${name}; release ${name}`);
      throw error;
    }
    if (mark.lost) await state.settled();
    const kept = state.leave(mark, true);
    database.exec(kept ? `release ${name}` : `rollback to ${name}; release ${name}`);
    if (!kept) throw mark.lost;
    return value;
  }
  const run = (sql: string, values: Values): Changed => step(() => writer.run(sql, values));
  return {
    dialect,
    all: allBy((sql, values) => state.ran(sql, () => step(() => writer.all(sql, values)))),
    run: (sql, ...values) => state.ran(sql, () => run(sql, values)),
    runAll: (statements) => state.ran(statements[0]?.[0] ?? 'none', () => statements.map(([sql, ...values]) => run(sql, values))),
    savepoint: (work) =>
      state.begun(
        () => 'a savepoint',
        () => savepoint(work),
      ),
    runAtCommit: (sql, ...values) => state.defer(sql, values),
    notify: (topic) => state.notify(topic),
    get level() {
      return state.level;
    },
  };
}

/** Foreign keys act in this driver's migrations, so that it refuses to rebuild a table. */
const refuseDrops =
  async (): Promise<Verify> =>
  async ({ name, statements }) => {
    if (statements.some((sql) => /^\s*drop\s+table\b/i.test(sql)))
      throw new MigrationFailed(`the migration ${name} drops a table: it may not`);
  };

function openFile(path: string, service: string, runtime: Runtime): Store {
  const writer = new Connection(path, false);
  const { database } = writer;
  database.exec('pragma journal_mode = wal; pragma foreign_keys = on');
  const reader = new Connection(path, true);
  const topics = new Topics(runtime.observe);
  const queues = { own: [] as (() => Promise<void>)[], shared: [] as (() => Promise<void>)[] };
  let draining: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function drain(): Promise<void> {
    for (let next = queues.own.shift() ?? queues.shared.shift(); next; next = queues.own.shift() ?? queues.shared.shift()) await next();
    draining = undefined;
  }

  async function once<V>(work: (tx: Tx) => Promise<V>, signal: AbortSignal | undefined): Promise<V> {
    signal?.throwIfAborted();
    const state = new TxState((error) => runtime.observe.log('error', error.message, { service, error }));
    database.exec('begin immediate');
    try {
      const running = work(txOf(writer, state));
      const value = await (signal ? orAborted(running, signal) : running);
      await state.settled();
      state.finish();
      for (const one of state.deferred) one.changes = writer.run(one.sql, one.values).changes;
      try {
        database.exec('commit');
      } catch (cause) {
        throw new CommitFailed(`the commit of ${service} failed: nothing of it is left`, { cause });
      }
      for (const topic of state.notices) topics.notify(topic);
      return value;
    } finally {
      state.end();
      if (database.isTransaction) database.exec('rollback');
    }
  }

  function transaction<V>(work: (tx: Tx) => Promise<V>, { signal, lane = 'shared' }: TransactionOptions = {}): Promise<V> {
    if (closing) return Promise.reject(new StoreClosed(`the store of ${service} is closed`));
    const { promise, resolve, reject } = Promise.withResolvers<V>();
    queues[lane].push(() => once(work, signal).then(resolve, reject));
    draining ??= drain();
    return signal ? orAborted(promise, signal) : promise;
  }

  const read = readerBy(async (sql, values, signal) => {
    signal?.throwIfAborted();
    if (closing) throw new StoreClosed(`the store of ${service} is closed`);
    return reader.all(sql, values);
  });
  return {
    dialect,
    read,
    sqlRead: read,
    sql: (tx) => tx,
    transaction,
    condition: () => well,
    now: () => ({ sql: '?', values: [runtime.clock.now()] }),
    listen: (topic, wake) => topics.listen(topic, wake),
    hears: () => false,
    notify: (topic) => topics.notify(topic),
    migrate: (migrations) => transaction((tx) => applyMigrations(tx, migrations, { guard: refuseDrops })),
    close() {
      closing ??= (async () => {
        await draining;
        reader.database.close();
        database.close();
      })();
      return closing;
    },
  };
}

/** Keeps the database of each service in a file of `dir`. */
export const files = (dir: string): StoreDriver => ({
  open: async (service, runtime) => openFile(join(dir, `${service}.db`), service, runtime),
});
