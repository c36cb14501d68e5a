import type { Tx } from '../store.ts';
import type { Connection } from './sqlite-connection.ts';
import { TxState } from './tx-state.ts';

/** One run of a transaction's work, behind a savepoint of the transaction that its group shares. */
export interface Run {
  readonly tx: Tx;
  /** Nothing more is done through `tx`; given an error, that is what it throws from now on. */
  end(error?: unknown): void;
  /** Keeps what the work did. Throws when there is nothing that could be kept. */
  keep(): void;
  /** Takes back what the work did, unless the engine has already taken back everything. */
  undo(): void;
}

export function beginRun(connection: Connection): Run {
  const state = new TxState();
  connection.control('savepoint member');

  /** After some errors (a full disk, `on conflict rollback`) SQLite has left the transaction: what followed would commit by itself. */
  function step<R>(execute: () => R): R {
    state.check();
    try {
      return execute();
    } catch (error) {
      if (!connection.inTransaction) state.fail(error);
      throw error;
    }
  }

  const tx: Tx = {
    all: async (sql, ...values) => step(() => connection.all(sql, values)),
    run: async (sql, ...values) => step(() => connection.run(sql, values)),
    async savepoint(work) {
      state.check();
      const mark = state.enter();
      connection.control('savepoint inner');
      let value: Awaited<ReturnType<typeof work>>;
      try {
        value = await work();
      } catch (error) {
        state.leave(mark);
        connection.control('rollback to inner');
        connection.control('release inner');
        throw error;
      }
      state.leave(mark);
      connection.control('release inner');
      return value;
    },
  };
  return {
    tx,
    end(error) {
      if (error !== undefined) state.fail(error);
      state.end();
    },
    keep() {
      state.finish();
      connection.control('release member');
    },
    undo() {
      state.end();
      if (!connection.inTransaction) return;
      connection.control('rollback to member');
      connection.control('release member');
    },
  };
}
