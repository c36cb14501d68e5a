import { orAborted } from '../../core/abort.ts';
import type { Runtime } from '../../core/runtime.ts';
import { turn } from '../../core/turn.ts';
import { CommitFailed, StoreClosed } from '../errors.ts';
import { applyMigrations } from '../migrations.ts';
import type { Row, Store, StoreDriver, Tx, Value } from '../store.ts';
import { Connection } from './sqlite-connection.ts';
import { TxState } from './tx-state.ts';

interface Statement {
  readonly sql: string;
  readonly values: readonly (Value | undefined)[];
}
type Marked = Statement | { readonly mark: number };

/** A transaction saw a database that has changed since: it must run again. */
class Conflict extends Error {}

/**
 * A database in memory for tests, in which transactions really interleave: each keeps the list of its statements and
 * plays them again when another was at it in between. Whoever commits first wins; the others conflict and run again. So code that
 * holds on it also holds on an engine with many writers.
 */
export function memory(): StoreDriver {
  return { open: async (service, runtime) => openMemory(service, runtime) };
}

function openMemory(service: string, runtime: Runtime): Store {
  const connection = new Connection(':memory:');
  connection.exec('pragma foreign_keys = on');
  let version = 0;
  let closing: Promise<void> | undefined;
  let running = 0;
  let idle = (): void => {};
  const refuseClosed = (): void => {
    if (closing) throw new StoreClosed(`the store of ${service} is closed`);
  };

  /** Whose statements the connection has played, and not committed. Nobody else sees them: he drops them first. */
  let played: readonly Marked[] | undefined;
  function drop(): void {
    played = undefined;
    if (connection.inTransaction) connection.exec('rollback');
  }

  /** Plays the statements so far, unless nobody was at it in between, and then `next`. */
  function play<V>(statements: readonly Marked[], next: () => V): V {
    try {
      if (played !== statements) {
        drop();
        connection.exec('begin');
        for (const statement of statements) {
          if ('sql' in statement) connection.all(statement.sql, statement.values);
        }
        played = statements;
      }
      return next();
    } catch (error) {
      drop();
      throw error;
    }
  }

  async function attempt<V>(work: (tx: Tx) => Promise<V>, signal: AbortSignal | undefined): Promise<V> {
    const began = version;
    const statements: Marked[] = [];
    const state = new TxState();
    async function step<R>(statement: Statement, execute: () => R): Promise<R> {
      state.check();
      for (let others = Math.floor(runtime.random.next() * 3); others > 0; others--) await turn();
      state.check();
      if (version !== began) throw new Conflict();
      const result = play(statements, () => {
        try {
          return execute();
        } catch (error) {
          // Some errors take the whole transaction back, such as `on conflict rollback`.
          if (!connection.inTransaction) state.fail(error);
          throw error;
        }
      });
      statements.push(statement);
      return result;
    }
    const tx: Tx = {
      all: (sql, ...values) => step({ sql, values }, (): readonly Row[] => connection.all(sql, values)),
      run: (sql, ...values) => step({ sql, values }, () => connection.run(sql, values)),
      async savepoint(inner) {
        state.check();
        const mark = state.enter();
        statements.push({ mark });
        let value: Awaited<ReturnType<typeof inner>>;
        try {
          value = await inner();
        } catch (error) {
          state.leave(mark);
          if (played === statements) drop();
          statements.splice(statements.findIndex((statement) => 'mark' in statement && statement.mark === mark));
          throw error;
        }
        state.leave(mark);
        return value;
      },
    };
    try {
      const value = await (signal ? orAborted(work(tx), signal) : work(tx));
      state.finish();
      await turn();
      if (signal?.aborted) throw signal.reason;
      if (version !== began) throw new Conflict();
      commit(statements);
      return value;
    } catch (error) {
      // Whatever the work made of it: what it saw was no longer so.
      if (version !== began && !(error instanceof CommitFailed) && !signal?.aborted) throw new Conflict();
      throw error;
    } finally {
      if (played === statements) drop();
      state.end();
    }
  }

  function commit(statements: readonly Marked[]): void {
    try {
      runtime.reached('store/commit/before');
      play(statements, () => connection.exec('commit'));
      played = undefined;
    } catch (cause) {
      throw new CommitFailed(`the commit of ${service} failed (${(cause as Error).message}): nothing of it is left`, { cause });
    }
    version++;
    runtime.reached('store/commit/after');
    runtime.observe.count('seaworthy_store_commits_total', { service });
  }

  async function transaction<V>(work: (tx: Tx) => Promise<V>, signal: AbortSignal | undefined): Promise<V> {
    refuseClosed();
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
      if (--running === 0) idle();
    }
  }

  const read: Store['read'] = {
    async all(sql, ...values) {
      refuseClosed();
      drop();
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
    close() {
      closing ??= (async () => {
        if (running > 0) await new Promise<void>((resolve) => (idle = resolve));
        connection.close();
      })();
      return closing;
    },
  };
}
