import type { Condition } from '../core/condition.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Dialect } from './dialect.ts';
import type { ChangedAtCommit, Fragment, Reader, Statements, Values } from './statements.ts';

export type { Changed, ChangedAtCommit, Fragment, Read, Reader, Row, Statement, Statements, Value, Values } from './statements.ts';

/** A transaction, or a savepoint in it, as long as it is open and after it. */
export interface Level {
  /** Whether it was rolled back, or a savepoint around it was. */
  readonly undone: boolean;
  /** Throws `NotAwaited` when a statement given in it has not settled, or was refused while nothing awaited it. `run` names the work that gave it. */
  verify(run: string): void;
  /** Resolves once it is known whether every refusal was awaited; to be awaited before the last `verify`. `undefined` when nothing was refused. */
  settled(): Promise<void> | undefined;
}

/** The toolkit's own transaction; adapters (kysely, drizzle, ...) bring another type in its place. */
export interface Tx extends Statements {
  readonly dialect: Dialect;
  /**
   * Runs `work`; when it throws, its changes are undone and the error goes on, while the transaction lives. Until `work` has settled,
   * everything that `tx` does is inside the savepoint. When a statement failed in it and `work` still returns, it is undone as well,
   * and rejects with `TransactionLost`. Savepoints end in the reverse of their order: crossed ones, and one that is still open at the
   * end, roll the transaction back with `SavepointMisused`.
   */
  savepoint<V>(work: () => Promise<V>): Promise<V>;
  /**
   * Runs a statement with the commit, in one exchange with the engine where it can, after all other statements and in the order in
   * which they were given. Nothing reads its rows before. A statement that was given in a savepoint is dropped with it. When it is refused the
   * transaction rejects with `StatementFailed`, and nothing of it is left.
   */
  runAtCommit(sql: string, ...values: Values): ChangedAtCommit;
  /** Notifies the listeners of `topic` once the transaction has committed; see `Store.listen`. A savepoint that is rolled back drops its notices. */
  notify(topic: string): void;
  /** The innermost savepoint that is open, or the transaction itself. What is collected for the commit belongs to it. */
  readonly level: Level;
}

/**
 * One step of a schema's history. Never edited once released: its statements' fingerprint is kept and compared. Foreign keys do
 * not act in it (no cascade), so that a table can be rebuilt; they are checked after it, and one that is broken refuses it.
 */
export interface Migration {
  /** Unique in the store, for example `orders/1`; names that begin with `seaworthy/` are the toolkit's. */
  readonly name: string;
  /** The statements in their order. A function gets the dialect of the database, so that one migration fits several engines. */
  readonly statements: readonly string[] | ((dialect: Dialect) => readonly string[]);
}

/**
 * How much a transaction sees of those that run beside it. `serializable`: nothing, as if they ran one by one. `repeatable read`: it
 * reads one state throughout. `read committed`: each statement reads the latest state.
 */
export type Isolation = 'serializable' | 'repeatable read' | 'read committed';

export interface TransactionOptions {
  /** When it aborts, the transaction is rolled back, or never begins. */
  readonly signal?: AbortSignal | undefined;
  /** The weakest isolation that the work tolerates; a driver may give more. Default `serializable`. */
  readonly isolation?: Isolation | undefined;
  /**
   * `own`: the transaction does not queue behind those of handlers, however many of these wait or hold a connection. It is for short
   * transactions by which other processes judge this one, such as heartbeats and leases. Default `shared`.
   */
  readonly lane?: 'shared' | 'own' | undefined;
  /**
   * `false`: the transaction may resolve before it is durable, and a crash of the machine or the engine may take it back. It is for what
   * is written again soon, such as heartbeats. A driver may ignore it. Default true.
   */
  readonly durable?: boolean | undefined;
}

/**
 * PORT. The database of one service.
 *
 * Guarantees of every driver, shown by the conformance suite:
 * - Serializable, unless a transaction asks for less: committed transactions have the same effect as some order of them one by one.
 * - `work` may run more than once, one run after the other: after a conflict, or when it holds up others, everything it did
 *   is rolled back and it runs again, with a fresh `tx`. So it changes nothing outside `tx`; what it collects must begin
 *   empty on every run.
 * - `transaction` resolves only once the commit is durable, unless it is asked for less, and rejects with what `work` threw, with nothing
 *   of it left. When the commit itself fails it rejects with `CommitFailed`, and nothing of it is left; when a constraint that only the
 *   commit checks refuses it, with `StatementFailed`. A
 *   driver over a network may not learn the outcome: then it rejects with `CommitUnknown`, and all or nothing of it is there.
 * - A `tx` is usable only until its `work` settles; later use throws `TransactionOver`.
 * - Values are taken as they are when the statement is given.
 * - Every statement must have settled when the work, or the savepoint that it belongs to, ends, and the rejection of a refused one
 *   must have been awaited: else the transaction is rolled back and rejects with `NotAwaited`. No such rejection ends the process.
 * - A statement that fails outside of a savepoint loses its transaction, even if `work` catches the error: later statements and the
 *   commit are refused with `TransactionLost`, and nothing of it is left.
 * - An aborted `signal` rejects with its reason at once, waiting or running; the transaction is rolled back, or was never
 *   begun. Once `work` has settled it may come too late: then the transaction commits and resolves.
 * - Errors that say nothing about the work are `StoreUnavailable`: a full disk, a lost connection, a closed store.
 * - A statement that a primary key or a unique constraint refuses rejects with `UniqueViolation`, which names the table. So does the
 *   transaction when the statement ran with the commit.
 * - After an error that made the engine roll everything back by itself, the transaction rejects, even if `work` caught it.
 * - One transaction's failure never harms another's, even where the driver commits several together.
 */
export interface Store<T = Tx, R = Reader> {
  readonly dialect: Dialect;
  readonly read: R;
  transaction<V>(work: (tx: T) => Promise<V>, options?: TransactionOptions): Promise<V>;
  /** The toolkit's own view of the same transaction, for the rows that it keeps beside the user's. */
  sql(tx: T): Tx;
  /** The toolkit's own view of `read`. */
  readonly sqlRead: Reader;
  /**
   * Returns the state of the store, by what it met last, without a query. `failing` while disk or engine refused the latest request,
   * `broken` once it refuses everything for as long as it is open. A caller that wants to know commits something now and then, as
   * the heartbeat of a `worker` does.
   */
  condition(): Condition;
  /**
   * An expression: whole milliseconds since the epoch by the clock of the database, which is the same for all processes that share it.
   * Leases are compared by it. A database that is a file of this machine gives the value of this process's clock.
   */
  now(): Fragment;
  /**
   * Calls `wake` soon after a notice on `topic`, by this process or, where the engine can, by another one on the same database. A notice
   * may be lost or late: it shortens polling and never replaces it. A driver that may have lost notices calls every `wake` once. `wake` must
   * not throw. Returns a function that ends the listening.
   */
  listen(topic: string, wake: () => void): () => void;
  /** Returns whether, at the moment, listeners get the notices of every process on the same database. Then they poll rarely. */
  hears(): boolean;
  /** Calls the listeners of `topic`. In a transaction use `tx.notify`, so that the listeners see what it has committed. */
  notify(topic: string): void;
  /** Applies what has not been applied yet, in order, once, also when several processes start together. */
  migrate(migrations: readonly Migration[]): Promise<void>;
  /** Lets running transactions finish, then closes. Later calls reject with `StoreClosed`. */
  close(): Promise<void>;
}

/** Opens the database of each service. */
export interface StoreDriver<T = Tx, R = Reader> {
  open(service: string, runtime: Runtime): Promise<Store<T, R>>;
}

/** A driver whose stores `await using` closes. */
export interface DisposableStoreDriver<T = Tx, R = Reader> extends StoreDriver<T, R> {
  open(service: string, runtime: Runtime): Promise<Store<T, R> & AsyncDisposable>;
}
