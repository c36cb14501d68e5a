import type { SeaworthyError } from '../../core/errors.ts';
import { allBy } from '../read-by.ts';
import type { Changed, Level, Tx, Values } from '../store.ts';
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
  readonly mark = (): void => {
    const heard = this.#first.length;
    if (heard === this.#open) return;
    this.#connection.control('savepoint level');
    for (let level = heard; level < this.#open; level++) this.#first.push(level === heard);
  };

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

/**
 * The transaction of one run, as its work sees it. Its functions can be passed on without it. It is a class for the sake of its getter:
 * one in an object literal makes each transaction a fifth slower.
 */
class SqliteTx implements Tx {
  readonly dialect = sqliteDialect;
  readonly #connection: Connection;
  readonly #state: TxState;
  readonly #levels: Levels;

  constructor(connection: Connection, state: TxState, levels: Levels) {
    this.#connection = connection;
    this.#state = state;
    this.#levels = levels;
  }

  readonly all = allBy((sql, values) => this.#state.ran(sql, () => this.#step(() => this.#connection.all(sql, values, this.#levels.mark))));

  readonly run: Tx['run'] = (sql, ...values) => this.#state.ran(sql, () => this.#run(sql, values));

  readonly runAll: Tx['runAll'] = (statements) =>
    this.#state.ran(statements[0]?.[0] ?? 'none', () => statements.map(([sql, ...values]) => this.#run(sql, values)));

  readonly savepoint: Tx['savepoint'] = (work) =>
    this.#state.begun(
      () => 'a savepoint',
      () => this.#savepoint(work),
    );

  readonly runAtCommit: Tx['runAtCommit'] = (sql, ...values) => this.#state.defer(sql, values);

  readonly notify: Tx['notify'] = (topic) => this.#state.notify(topic);

  get level(): Level {
    return this.#state.level;
  }

  #run(sql: string, values: Values): Changed {
    return this.#step(() => this.#connection.run(sql, values, this.#levels.mark));
  }

  /** After some errors (a full disk, `on conflict rollback`) SQLite has ended the transaction: a later statement would commit by itself. */
  #step<R>(execute: () => R): R {
    const state = this.#state;
    state.check();
    try {
      return execute();
    } catch (error) {
      if (this.#connection.inTransaction) state.lose(error);
      else state.fail(error);
      throw error;
    }
  }

  async #savepoint<V>(work: () => Promise<V>): Promise<V> {
    const state = this.#state;
    const levels = this.#levels;
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
}

/** One run of a transaction's work, behind a savepoint of the transaction that its group shares. */
export class Run {
  readonly #connection: Connection;
  readonly #state: TxState;
  readonly #levels: Levels;
  readonly tx: Tx;

  /** Begins a run. `late` is called for each use of `tx` after the work has ended well. */
  constructor(connection: Connection, late: (error: SeaworthyError) => void) {
    this.#connection = connection;
    this.#state = new TxState(late);
    this.#levels = new Levels(connection);
    this.tx = new SqliteTx(connection, this.#state, this.#levels);
  }

  /** Ends the use of `tx`. Given an error, `tx` throws it from now on. */
  end(error?: unknown): void {
    if (error !== undefined) this.#state.fail(error);
    this.#state.end();
  }

  /** Resolves once it is known whether the work handled every refusal; to be awaited before `keep`. `undefined` when there was no refusal. */
  settled(): Promise<void> | undefined {
    return this.#state.settled();
  }

  /** Keeps the changes of the work, and runs the statements for the commit. Throws when the transaction is lost. */
  keep(): void {
    this.#state.finish();
    for (const one of this.#state.deferred) one.changes = this.#connection.run(one.sql, one.values, this.#levels.mark).changes;
    this.#levels.closeAll(true);
  }

  /** The topics to notify after the commit. */
  get notices(): readonly string[] {
    return this.#state.notices;
  }

  /** Rolls back the changes of the work, unless the engine has rolled back everything already. */
  undo(): void {
    this.#state.end();
    if (this.#connection.inTransaction) this.#levels.closeAll(false);
  }
}
