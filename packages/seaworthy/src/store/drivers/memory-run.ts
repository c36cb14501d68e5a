import { orAborted } from '../../core/abort.ts';
import { macrotask } from '../../core/event-loop.ts';
import { isA } from '../../core/thrown.ts';
import { CommitFailed } from '../errors.ts';
import { allBy } from '../read-by.ts';
import { statementName } from '../statement-name.ts';
import type { Changed, Row, TransactionOptions, Tx, Value } from '../store.ts';
import { copyOf, TxState } from '../tx-state.ts';
import { type MemoryDatabase, outcomeOf, type Played } from './memory-database.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { shapeOf } from './sqlite-statement.ts';

export interface RunOptions extends TransactionOptions {
  /** Whether foreign keys are enforced. Default true. */
  readonly foreignKeys?: boolean;
}

/** A transaction has read what another has changed since: it must run again. */
export class Conflict extends Error {}

/** Copies rows, so that changes that the work makes to them do not change what it has read. */
const copied = <R>(outcome: R): R =>
  Array.isArray(outcome)
    ? (outcome.map((row: Row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, copyOf(value as Value)]))) as R)
    : outcome;

/** One run of a transaction's work. */
export class MemoryRun {
  readonly #database: MemoryDatabase;
  readonly #signal: AbortSignal | undefined;
  readonly #foreignKeys: boolean;
  /** Whether each query reads the latest state, and what it has read may change: as `read committed`. */
  readonly #latest: boolean;
  readonly #state: TxState;
  readonly #statements: Played[] = [];
  /** The version of the database that the run has seen. */
  #seen: number;
  #conflict: Conflict | undefined;
  /** The statement that was given last, while it has not run: they run in the order in which they are given. */
  #last: Promise<unknown> | undefined;

  constructor(database: MemoryDatabase, { signal, isolation, foreignKeys = true }: RunOptions) {
    const { service, runtime } = database;
    this.#database = database;
    this.#signal = signal;
    this.#foreignKeys = foreignKeys;
    this.#latest = isolation === 'read committed';
    this.#seen = database.version;
    this.#state = new TxState((error) => runtime.observe.log('error', error.message, { service, error }));
  }

  /** The topics to notify after the commit. */
  get notices(): readonly string[] {
    return this.#state.notices;
  }

  /** Runs the work and commits. Throws `Conflict`. */
  async commit<V>(work: (tx: Tx) => Promise<V>): Promise<V> {
    const state = this.#state;
    const signal = this.#signal;
    try {
      const running = work(this.#tx());
      const value = await (signal ? orAborted(running, signal) : running);
      await state.settled();
      state.finish();
      await macrotask();
      if (signal?.aborted) throw signal.reason;
      this.#revise();
      for (const one of state.deferred) one.changes = this.#database.connection.run(one.sql, one.values).changes;
      this.#database.commit();
      return value;
    } catch (error) {
      // A conflict counts even if the work has caught its error.
      if (!isA(error, CommitFailed) && !signal?.aborted) this.#revise();
      throw error;
    } finally {
      this.#database.drop(this.#statements);
      state.end();
    }
  }

  #tx(): Tx {
    const { connection } = this.#database;
    const state = this.#state;
    const run = (sql: string, values: readonly (Value | undefined)[]): Promise<Changed> => {
      const now = values.map(copyOf);
      return this.#given(sql, () => connection.run(sql, now));
    };
    return {
      dialect: sqliteDialect,
      all: allBy((sql, values) => {
        const now = values.map(copyOf);
        return this.#given(sql, (): readonly Row[] => connection.all(sql, now), this.#latest && shapeOf(sql).reading);
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

  /** Checks that everything that was read is unchanged, or for `read committed` what its changes came to. Throws `Conflict`. */
  #revise(): void {
    if (this.#conflict) throw this.#conflict;
    const { version, runtime } = this.#database;
    const same = this.#database.play(this.#statements, this.#foreignKeys);
    if (version === this.#seen) return;
    this.#seen = version;
    if (same && (this.#latest || this.#statements.length === 0 || runtime.random.next() < 0.5)) return;
    this.#conflict = new Conflict();
    this.#state.fail(this.#conflict);
    throw this.#conflict;
  }

  #step<R>(execute: () => R, passing = false): R {
    this.#state.check();
    this.#revise();
    const outcome = outcomeOf(execute);
    this.#statements.push({ execute, outcome, passing });
    if ('value' in outcome) return copied(outcome.value as R);
    // Some errors roll the whole transaction back, such as `on conflict rollback`.
    if (this.#database.connection.inTransaction) this.#state.lose(outcome.error);
    else this.#state.fail(outcome.error);
    throw outcome.error;
  }

  async #inTurn<R>(before: Promise<unknown> | undefined, execute: () => R, passing: boolean): Promise<R> {
    this.#state.check();
    for (let others = Math.floor(this.#database.runtime.random.next() * 3); others > 0; others--) await macrotask();
    await before;
    return this.#step(execute, passing);
  }

  #given<R>(sql: string, execute: () => R, passing = false): Promise<R> {
    return this.#state.begun(statementName(sql), () => {
      const running = this.#inTurn(this.#last, execute, passing);
      const ran = (): void => {
        if (this.#last === settled) this.#last = undefined;
      };
      const settled: Promise<void> = running.then(ran, ran);
      this.#last = settled;
      return running;
    });
  }

  async #allRan(): Promise<void> {
    while (this.#last) await this.#last;
  }

  async #savepoint<R>(work: () => Promise<R>): Promise<R> {
    const { connection } = this.#database;
    this.#state.check();
    if (this.#last) await this.#allRan();
    const mark = this.#state.enter();
    const name = `s${mark.depth}`;
    const takeBack = (): void => this.#step(() => connection.exec(`rollback to ${name}; release ${name}`));
    this.#step(() => connection.exec(`savepoint ${name}`));
    let value: R;
    try {
      value = await work();
    } catch (error) {
      // Statements that were given inside the savepoint must not run after it.
      await this.#allRan();
      this.#state.leave(mark, false);
      takeBack();
      throw error;
    }
    if (mark.lost) await this.#state.settled();
    if (this.#state.leave(mark, true)) this.#step(() => connection.exec(`release ${name}`));
    else {
      takeBack();
      throw mark.lost;
    }
    return value;
  }
}
