import { orAborted } from '../../core/abort.ts';
import { isA } from '../../core/thrown.ts';
import type { Dialect } from '../dialect.ts';
import { allBy } from '../read-by.ts';
import { statementName } from '../statement-name.ts';
import type { Changed, Tx, Values } from '../store.ts';
import { copyOf, type TxState } from '../tx-state.ts';
import { AfterFailure, Again, type Session } from './remote-session.ts';

export interface RunDeps {
  readonly session: Session;
  readonly dialect: Dialect;
  readonly state: TxState;
  readonly signal: AbortSignal | undefined;
}

/**
 * One run of a transaction's work. The transaction begins with its first statement, and a savepoint with the first statement in it: on
 * these engines even a query that is refused loses what it ran in.
 */
export class RemoteRun {
  readonly #deps: RunDeps;
  /** The savepoints that the engine knows, the transaction among them. */
  #known = 0;
  /** The savepoints that are open, the transaction among them. */
  #open = 1;
  /** The number of statements that have not settled. */
  #running = 0;

  constructor(deps: RunDeps) {
    this.#deps = deps;
  }

  /** Runs the work and commits it. Throws `Again` when it may run again. */
  async commit<V>(work: (tx: Tx) => Promise<V>): Promise<V> {
    const { session, state, signal } = this.#deps;
    let sent = false;
    try {
      const running = work(this.#tx());
      const value = await (signal ? orAborted(running, signal) : running);
      await state.settled();
      state.finish();
      const last = state.deferred;
      if (this.#known > 0 || last.length > 0) {
        this.#mark();
        sent = true;
        const changed = await session.commit(last.map(({ sql, values }) => [sql, ...values]));
        for (const [index, one] of last.entries()) one.changes = changed[index]?.changes;
      }
      session.release();
      return value;
    } catch (error) {
      state.end();
      if (sent) session.release();
      else void this.#giveUp();
      if (signal?.aborted && !sent) throw signal.reason;
      // What the work has thrown may only follow from the conflict that it met.
      const again = state.failure;
      throw isA(again, Again) ? again : error;
    }
  }

  /** Rolls back behind the caller's back, who may have left long before the engine answers. */
  async #giveUp(): Promise<void> {
    const { session } = this.#deps;
    if (this.#running > 0) return session.abandon();
    if (this.#known > 0) await session.rollback();
    session.release();
  }

  /** Tells the engine of the transaction and of the savepoints that it does not know yet. */
  #mark(): void {
    const { session } = this.#deps;
    if (this.#known === this.#open) return;
    if (this.#known === 0) session.begin();
    for (let level = Math.max(this.#known, 1); level < this.#open; level++) session.savepoint();
    this.#known = this.#open;
  }

  async #step<R>(send: () => Promise<R>): Promise<R> {
    const { state } = this.#deps;
    state.check();
    const { level } = state;
    this.#mark();
    this.#running++;
    try {
      return await send();
    } catch (error) {
      if (isA(error, Again)) state.fail(error);
      // It was sent before the level was known to be lost, and may fail in any way after what has failed before it.
      else if (isA(error, AfterFailure) || level.lostAround) throw level.lostAround ?? error;
      else state.lose(error, level);
      throw error;
    } finally {
      this.#running--;
    }
  }

  async #savepoint<V>(work: () => Promise<V>): Promise<V> {
    const { state } = this.#deps;
    state.check();
    const mark = state.enter();
    this.#open++;
    let value: V;
    try {
      value = await work();
    } catch (error) {
      state.leave(mark, false);
      this.#close(false);
      throw error;
    }
    if (mark.lost) await state.settled();
    const kept = state.leave(mark, true);
    this.#close(kept);
    if (!kept) throw mark.lost;
    return value;
  }

  #close(keep: boolean): void {
    if (this.#known === this.#open) {
      this.#deps.session.endSavepoint(keep);
      this.#known--;
    }
    this.#open--;
  }

  #tx(): Tx {
    const { session, dialect, state } = this.#deps;
    const given = <R>(sql: string, send: () => Promise<R>): Promise<R> => state.begun(statementName(sql), () => this.#step(send));
    const run = (sql: string, values: Values): Promise<Changed> => {
      const now = values.map(copyOf);
      return given(sql, () => session.run(sql, now));
    };
    return {
      dialect,
      all: allBy((sql, values) => {
        const now = values.map(copyOf);
        return given(sql, () => session.all(sql, now));
      }),
      run: (sql, ...values) => run(sql, values),
      runAll: (statements) => Promise.all(statements.map(([sql, ...values]) => run(sql, values))),
      savepoint: (work) =>
        state.begun(
          () => 'a savepoint',
          () => this.#savepoint(work),
        ),
      runAtCommit: (sql, ...values) => state.defer(sql, values),
      notify: (topic) => state.notify(topic),
      get level() {
        return state.level;
      },
    };
  }
}
