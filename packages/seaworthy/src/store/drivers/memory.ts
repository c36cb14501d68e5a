import { isDeepStrictEqual } from 'node:util';
import { orAborted } from '../../core/abort.ts';
import { well } from '../../core/condition.ts';
import { macrotask } from '../../core/event-loop.ts';
import type { Runtime } from '../../core/runtime.ts';
import { isA } from '../../core/thrown.ts';
import { CommitFailed, StoreClosed } from '../errors.ts';
import { named } from '../statement.ts';
import type { Row, Store, StoreDriver, TransactionOptions, Tx, Value } from '../store.ts';
import { Connection } from './sqlite-connection.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { migrateSqlite } from './sqlite-migrations.ts';
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

/** As it is now: the statement runs later, and again when it is played again. */
const taken = <V extends Value | undefined>(value: V): V => (value instanceof Uint8Array ? (value.slice() as typeof value) : value);

/** What the work does with the rows that it is given says nothing about what it saw. */
const copied = <R>(outcome: R): R =>
  Array.isArray(outcome)
    ? (outcome.map((row: Row) => {
        const copy = Object.create(null) as Record<string, Value>;
        for (const name of Object.keys(row)) copy[name] = taken(row[name] as Value);
        return copy;
      }) as R)
    : outcome;

interface Options extends TransactionOptions {
  /** Whether foreign keys are enforced. Default true. */
  readonly foreignKeys?: boolean;
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
  function play(statements: readonly Played[], foreignKeys: boolean): boolean {
    if (played === statements) return true;
    drop();
    connection.foreignKeys(foreignKeys);
    connection.exec('begin');
    played = statements;
    let same = true;
    for (const { execute, outcome } of statements) same = isDeepStrictEqual(outcomeOf(execute), outcome) && same;
    return same;
  }

  async function attempt<V>(work: (tx: Tx) => Promise<V>, { signal, foreignKeys = true }: Options): Promise<V> {
    let seen = version;
    let lost: Conflict | undefined;
    const statements: Played[] = [];
    const state = new TxState((error) => runtime.observe.log('error', error.message, { service, error }));

    /** What it has seen must be so still. Throws `Conflict`. */
    function revise(): void {
      if (lost) throw lost;
      const same = play(statements, foreignKeys);
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
      if ('value' in outcome) return copied(outcome.value as R);
      // Some errors take the whole transaction back, such as `on conflict rollback`.
      if (!connection.inTransaction) state.fail(outcome.error);
      throw outcome.error;
    }

    /** Statements of one transaction run in the order that they are given. */
    let last: Promise<unknown> | undefined;
    async function inTurn<R>(before: Promise<unknown> | undefined, execute: () => R): Promise<R> {
      state.check();
      for (let others = Math.floor(runtime.random.next() * 3); others > 0; others--) await macrotask();
      await before;
      return step(execute);
    }
    function given<R>(sql: string, execute: () => R): Promise<R> {
      return state.begun(named(sql), () => {
        const running = inTurn(last, execute);
        const ran = (): void => {
          if (last === settled) last = undefined;
        };
        const settled: Promise<void> = running.then(ran, ran);
        last = settled;
        return running;
      });
    }
    async function allRan(): Promise<void> {
      while (last) await last;
    }

    async function savepoint<R>(inner: () => Promise<R>): Promise<R> {
      state.check();
      if (last) await allRan();
      const mark = state.enter();
      const name = `s${mark.depth}`;
      step(() => connection.exec(`savepoint ${name}`));
      let value: R;
      try {
        value = await inner();
      } catch (error) {
        // What was given inside it must not run behind it.
        await allRan();
        state.leave(mark, false);
        step(() => connection.exec(`rollback to ${name}; release ${name}`));
        throw error;
      }
      state.leave(mark, true);
      step(() => connection.exec(`release ${name}`));
      return value;
    }

    const tx: Tx = {
      dialect: sqliteDialect,
      all(sql, ...values) {
        const now = values.map(taken);
        return given(sql, (): readonly Row[] => connection.all(sql, now));
      },
      run(sql, ...values) {
        const now = values.map(taken);
        return given(sql, () => connection.run(sql, now));
      },
      savepoint: (inner) =>
        state.begun(
          () => 'a savepoint',
          () => savepoint(inner),
        ),
      get level() {
        return state.level;
      },
    };
    try {
      const value = await (signal ? orAborted(work(tx), signal) : work(tx));
      await state.settled();
      state.finish();
      await macrotask();
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

  async function transaction<V>(work: (tx: Tx) => Promise<V>, options: Options): Promise<V> {
    const { signal } = options;
    refuseClosed();
    running++;
    try {
      for (;;) {
        if (signal?.aborted) throw signal.reason;
        try {
          return await attempt(work, options);
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
    dialect: sqliteDialect,
    read,
    sqlRead: read,
    sql: (tx) => tx,
    condition: () => well,
    now: () => ({ sql: '?', values: [runtime.clock.now()] }),
    transaction: (work, options = {}) => transaction(work, options),
    migrate: (migrations) => transaction((tx) => migrateSqlite(tx, migrations), { foreignKeys: false }),
    close() {
      closing ??= (async () => {
        if (running > 0) await new Promise<void>((resolve) => (idle = resolve));
        connection.close();
      })();
      return closing;
    },
  };
}
