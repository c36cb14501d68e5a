import { orAborted } from '../../core/abort.ts';
import type { Runtime } from '../../core/runtime.ts';
import { turn } from '../../core/turn.ts';
import { StoreClosed, TransactionOver } from '../errors.ts';
import { applyMigrations } from '../migrations.ts';
import type { Row, Store, StoreDriver, Tx, Value } from '../store.ts';
import { Connection } from './sqlite-connection.ts';

interface Statement {
  readonly sql: string;
  readonly values: readonly (Value | undefined)[];
}
type Marked = Statement | { readonly mark: number };

/** A transaction saw a database that has changed since: it must run again. */
class Conflict extends Error {}

/**
 * A database in memory for tests, in which transactions really interleave: each keeps the list of its statements and
 * plays them again whenever it is its turn. Whoever commits first wins; the others conflict and run again. So code that
 * holds on it also holds on an engine with many writers.
 */
export function memory(): StoreDriver {
  return { open: async (service, runtime) => openMemory(service, runtime) };
}

function openMemory(service: string, runtime: Runtime): Store {
  const connection = new Connection(':memory:');
  connection.exec('pragma foreign_keys = on');
  let version = 0;
  let closed = false;
  let running = 0;

  /** Plays the statements so far and then `next`, and keeps the outcome only if told so. */
  function play<V>(statements: readonly Marked[], next: () => V, keep: boolean): V {
    connection.exec('begin');
    try {
      for (const statement of statements) {
        if ('sql' in statement) connection.all(statement.sql, statement.values);
      }
      const value = next();
      if (keep) connection.exec('commit');
      return value;
    } finally {
      if (connection.inTransaction) connection.exec('rollback');
    }
  }

  async function attempt<V>(work: (tx: Tx) => Promise<V>, signal: AbortSignal | undefined): Promise<V> {
    const began = version;
    const statements: Marked[] = [];
    let over = false;
    let marks = 0;
    async function step<R>(statement: Statement, execute: () => R): Promise<R> {
      if (over) throw new TransactionOver('this tx was used after its transaction had settled: await everything inside `transaction`');
      for (let others = Math.floor(runtime.random.next() * 3); others > 0; others--) await turn();
      if (version !== began) throw new Conflict();
      const result = play(statements, execute, false);
      statements.push(statement);
      return result;
    }
    const tx: Tx = {
      all: (sql, ...values) => step({ sql, values }, (): readonly Row[] => connection.all(sql, values)),
      run: (sql, ...values) => step({ sql, values }, () => connection.run(sql, values)),
      async savepoint(inner) {
        const mark = marks++;
        statements.push({ mark });
        try {
          return await inner();
        } catch (error) {
          statements.splice(statements.findIndex((statement) => 'mark' in statement && statement.mark === mark));
          throw error;
        }
      },
    };
    try {
      const value = await (signal ? orAborted(work(tx), signal) : work(tx));
      await turn();
      if (signal?.aborted) throw signal.reason;
      if (version !== began) throw new Conflict();
      over = true;
      runtime.reached('store/commit/before');
      play(statements, () => undefined, true);
      version++;
      runtime.reached('store/commit/after');
      runtime.observe.count('seaworthy_store_commits_total', { service });
      return value;
    } catch (error) {
      // Whatever the work made of it: what it saw was no longer so.
      if (version !== began && !over && !signal?.aborted) throw new Conflict();
      throw error;
    } finally {
      over = true;
    }
  }

  async function transaction<V>(work: (tx: Tx) => Promise<V>, signal: AbortSignal | undefined): Promise<V> {
    if (closed) throw new StoreClosed(`the store of ${service} is closed`);
    running++;
    try {
      for (;;) {
        if (signal?.aborted) throw signal.reason;
        try {
          return await attempt(work, signal);
        } catch (error) {
          if (!(error instanceof Conflict)) throw error;
          runtime.observe.count('seaworthy_store_conflicts_total', { service });
        }
      }
    } finally {
      running--;
    }
  }

  const read: Store['read'] = {
    async all(sql, ...values) {
      if (closed) throw new StoreClosed(`the store of ${service} is closed`);
      return connection.all(sql, values);
    },
  };
  return {
    dialect: 'sqlite',
    read,
    ownRead: read,
    own: (tx) => tx,
    transaction: (work, options) => transaction(work, options?.signal),
    migrate: (migrations) => transaction((tx) => applyMigrations(tx, migrations), undefined),
    async close() {
      if (closed) return;
      closed = true;
      while (running > 0) await turn();
      connection.close();
    },
  };
}
