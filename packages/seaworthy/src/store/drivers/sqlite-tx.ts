import type { SeaworthyError } from '../../core/errors.ts';
import { allBy } from '../read-by.ts';
import type { Changed, Tx, Value } from '../store.ts';
import type { Connection } from './sqlite-connection.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { TxState } from './tx-state.ts';

/**
 * The savepoints of one run: the run itself, and those that its work opens in it. SQLite hears of them only at the next
 * change: all that were opened since the one before begin at the same state, and one savepoint of its own stands for them.
 */
class Levels {
  readonly #connection: Connection;
  /** For each that SQLite has heard of: whether it was the first of those that share a savepoint, and ends it. */
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

  /** Ends the innermost one, and keeps or takes back what was changed in it. */
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

/** As it is now: the statement runs later. */
export const copyOf = <V extends Value | undefined>(value: V): V => (value instanceof Uint8Array ? (value.slice() as typeof value) : value);

/** One run of a transaction's work, behind a savepoint of the transaction that its group shares. */
export interface Run {
  readonly tx: Tx;
  /** Nothing more is done through `tx`; given an error, that is what it throws from now on. */
  end(error?: unknown): void;
  /** Until it can be told whether anybody handled what was refused, to be awaited before `keep`; `undefined` when nothing was. */
  settled(): Promise<void> | undefined;
  /** Keeps what the work did, with the statements that go with the commit. Throws when there is nothing that could be kept. */
  keep(): void;
  /** The topics to tell after the commit. */
  readonly told: readonly string[];
  /** Takes back what the work did, unless the engine has already taken back everything. */
  undo(): void;
}

/** `late` is told of each use after the work has ended well. */
export function beginRun(connection: Connection, late: (error: SeaworthyError) => void): Run {
  const state = new TxState(late);
  const levels = new Levels(connection);
  const changes = (): void => levels.mark();

  /** After some errors (a full disk, `on conflict rollback`) SQLite has left the transaction: what followed would commit by itself. */
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
    runAtCommit: (sql, ...values) => state.defer(sql, values.map(copyOf)),
    tell: (topic) => state.tell(topic),
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
    get told() {
      return state.told;
    },
    undo() {
      state.end();
      if (connection.inTransaction) levels.closeAll(false);
    },
  };
}
