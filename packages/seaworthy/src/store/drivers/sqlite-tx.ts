import type { SeaworthyError } from '../../core/errors.ts';
import { allBy } from '../read-by.ts';
import type { Changed, Tx } from '../store.ts';
import { TxState } from '../tx-state.ts';
import type { Connection } from './sqlite-connection.ts';
import { sqliteDialect } from './sqlite-dialect.ts';

/**
 * The savepoints of one run: the run itself, and those that its work opens in it. SQLite gets a savepoint only at the next change: all
 * levels that were opened since the change before begin at the same state, and share one.
 */
class Levels {
  readonly #connection: Connection;
  /** For each level that SQLite has: whether it is the first of those that share a savepoint, and ends it. */
  readonly #first: boolean[] = [];
  #open = 1;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Called before each change. */
  mark(): void {
    const heard = this.#first.length;
    if (heard === this.#open) return;
    this.#connection.control('savepoint level');
    for (let level = heard; level < this.#open; level++) this.#first.push(level === heard);
  }

  open(): void {
    this.#open++;
  }

  /** Ends the innermost savepoint, and keeps or rolls back its changes. */
  close(keep: boolean): void {
    if (this.#first.length === this.#open) {
      if (!keep) this.#connection.control('rollback to level');
      if (this.#first.at(-1)) this.#connection.control('release level');
      this.#first.pop();
    }
    this.#open--;
  }

  closeAll(keep: boolean): void {
    while (this.#open > 0) this.close(keep);
  }
}

/** One run of a transaction's work, behind a savepoint of the transaction that its group shares. */
export interface Run {
  readonly tx: Tx;
  /** Ends the use of `tx`. Given an error, `tx` throws it from now on. */
  end(error?: unknown): void;
  /** Resolves once it is known whether the work handled every refusal; to be awaited before `keep`. `undefined` when there was no refusal. */
  settled(): Promise<void> | undefined;
  /** Keeps the changes of the work, and runs the statements for the commit. Throws when the transaction is lost. */
  keep(): void;
  /** The topics to notify after the commit. */
  readonly notices: readonly string[];
  /** Rolls back the changes of the work, unless the engine has rolled back everything already. */
  undo(): void;
}

/** Begins a run. `late` is called for each use of `tx` after the work has ended well. */
export function beginRun(connection: Connection, late: (error: SeaworthyError) => void): Run {
  const state = new TxState(late);
  const levels = new Levels(connection);
  const changes = (): void => levels.mark();

  /** After some errors (a full disk, `on conflict rollback`) SQLite has ended the transaction: a later statement would commit by itself. */
  function step<R>(execute: () => R): R {
    state.check();
    try {
      return execute();
    } catch (error) {
      if (connection.inTransaction) state.lose(error);
      else state.fail(error);
      throw error;
    }
  }

  async function savepoint<V>(work: () => Promise<V>): Promise<V> {
    state.check();
    const mark = state.enter();
    levels.open();
    let value: V;
    try {
      value = await work();
    } catch (error) {
      state.leave(mark, false);
      levels.close(false);
      throw error;
    }
    if (mark.lost) await state.settled();
    const kept = state.leave(mark, true);
    levels.close(kept);
    if (!kept) throw mark.lost;
    return value;
  }

  const tx: Tx = {
    dialect: sqliteDialect,
    all: allBy((sql, values) => state.ran(sql, () => step(() => connection.all(sql, values, changes)))),
    run: (sql, ...values) => state.ran(sql, () => step(() => connection.run(sql, values, changes))),
    runAll: (statements) =>
      state.ran(statements[0]?.[0] ?? 'none', () => {
        const all: Changed[] = [];
        for (const [sql, ...values] of statements) all.push(step(() => connection.run(sql, values, changes)));
        return all;
      }),
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
  return {
    tx,
    end(error) {
      if (error !== undefined) state.fail(error);
      state.end();
    },
    settled: () => state.settled(),
    keep() {
      state.finish();
      for (const { sql, values } of state.deferred) connection.run(sql, values, changes);
      levels.closeAll(true);
    },
    get notices() {
      return state.notices;
    },
    undo() {
      state.end();
      if (connection.inTransaction) levels.closeAll(false);
    },
  };
}
