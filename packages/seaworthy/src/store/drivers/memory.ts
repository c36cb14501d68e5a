import { isDeepStrictEqual } from 'node:util';
import { orAborted } from '../../core/abort.ts';
import type { Runtime } from '../../core/runtime.ts';
import { isA } from '../../core/thrown.ts';
import { turn } from '../../core/turn.ts';
import { CommitFailed, StoreClosed } from '../errors.ts';
import { applyMigrations } from '../migrations.ts';
import type { Row, Store, StoreDriver, Tx } from '../store.ts';
import { Connection } from './sqlite-connection.ts';
import { TxState } from './tx-state.ts';

/** A statement or a mark of a savepoint, and what came of it: played again, it must give the same. */
interface Played {
  readonly execute: () => unknown;
  readonly outcome: Outcome;
}
type Outcome = { readonly value: unknown } | { readonly error: unknown };

function outcomeOf(execute: () => unknown): Outcome {
  try {
    return { value: execute() };
  } catch (error) {
    return { error };
  }
}

/** A transaction saw a database that has changed since: it must run again. */
class Conflict extends Error {}

/**
 * A database in memory for tests, in which transactions really interleave: each keeps the list of its statements and
 * plays them again when another was at it in between. When one of them gives something else than before, it conflicts with a
 * transaction that committed meanwhile, and runs again; so it does by chance, half the times that it saw nothing of the other,
 * as on engines that look at pages or ranges. So code that holds on it also holds on an engine with many writers.
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
  let played: readonly Played[] | undefined;
  function drop(): void {
    played = undefined;
    if (connection.inTransaction) connection.exec('rollback');
  }

  /** Plays the statements so far, unless nobody was at it in between. False when one of them gives something else than before. */
  function play(statements: readonly Played[]): boolean {
    if (played === statements) return true;
    drop();
    connection.exec('begin');
    played = statements;
    let same = true;
    for (const { execute, outcome } of statements) same = isDeepStrictEqual(outcomeOf(execute), outcome) && same;
    return same;
  }

  async function attempt<V>(work: (tx: Tx) => Promise<V>, signal: AbortSignal | undefined): Promise<V> {
    let seen = version;
    let lost: Conflict | undefined;
    const statements: Played[] = [];
    const state = new TxState();

    /** What it has seen must be so still. Throws `Conflict`. */
    function revise(): void {
      if (lost) throw lost;
      const same = play(statements);
      if (version === seen) return;
      seen = version;
      if (same && (statements.length === 0 || runtime.random.next() < 0.5)) return;
      lost = new Conflict();
      state.fail(lost);
      throw lost;
    }

    function step<R>(execute: () => R): R {
      state.check();
      revise();
      const outcome = outcomeOf(execute);
      statements.push({ execute, outcome });
      if ('value' in outcome) return outcome.value as R;
      // Some errors take the whole transaction back, such as `on conflict rollback`.
      if (!connection.inTransaction) state.fail(outcome.error);
      throw outcome.error;
    }

    async function inTurn<R>(execute: () => R): Promise<R> {
      state.check();
      for (let others = Math.floor(runtime.random.next() * 3); others > 0; others--) await turn();
      return step(execute);
    }

    const tx: Tx = {
      all: (sql, ...values) => inTurn((): readonly Row[] => connection.all(sql, values)),
      run: (sql, ...values) => inTurn(() => connection.run(sql, values)),
      async savepoint(inner) {
        state.check();
        const mark = state.enter();
        step(() => connection.exec(`savepoint s${mark}`));
        let value: Awaited<ReturnType<typeof inner>>;
        try {
          value = await inner();
        } catch (error) {
          state.leave(mark);
          step(() => connection.exec(`rollback to s${mark}; release s${mark}`));
          throw error;
        }
        state.leave(mark);
        step(() => connection.exec(`release s${mark}`));
        return value;
      },
    };
    try {
      const value = await (signal ? orAborted(work(tx), signal) : work(tx));
      state.finish();
      await turn();
      if (signal?.aborted) throw signal.reason;
      revise();
      commit();
      return value;
    } catch (error) {
      // Whatever the work made of it: what it saw was no longer so.
      if (!isA(error, CommitFailed) && !signal?.aborted) revise();
      throw error;
    } finally {
      if (played === statements) drop();
      state.end();
    }
  }

  /** Commits what is played. */
  function commit(): void {
    try {
      runtime.reached('store/commit/before');
      connection.exec('commit');
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
          if (!isA(error, Conflict)) throw error;
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
