import { trackIo } from '../../core/event-loop.ts';
import type { Changed, Isolation, Row, Statement, Values } from '../store.ts';

/** A statement that waits for a lock waits for somebody whose virtual time must go on. */
const ioAtMostMs = 250;

/** Returns the outcome of an exchange with an engine. Virtual time waits for it, but not for locks. */
export const exchanged = <T>(answer: Promise<T>): Promise<T> => trackIo(answer, ioAtMostMs);

/** How a transaction begins. */
export interface Beginning {
  readonly isolation: Isolation;
  /** Whether the driver must learn the outcome of a commit whose connection is lost. */
  readonly certain: boolean;
  /** Whether the commit waits until it is durable. */
  readonly durable: boolean;
}

/**
 * A connection of a database on a network, lent to one run of a transaction, or to one query. Whatever is sent runs in the order in which
 * it was sent, and what is sent after a refused statement is refused, up to the end of the savepoint.
 * Methods without a promise send something together with the next statement, which is refused when they are.
 */
export interface Session {
  /** Begins the transaction that the session was opened for. */
  begin(): void;
  savepoint(): void;
  /** Ends the innermost savepoint, and keeps or rolls back its changes. */
  endSavepoint(keep: boolean): void;
  all(sql: string, values: Values): Promise<readonly Row[]>;
  run(sql: string, values: Values): Promise<Changed>;
  /** Runs the statements and commits, in one exchange where the engine can. Resolves with what each has changed, as far as
   * the engine could say it. A begun transaction is over afterwards, whatever the outcome. */
  commit(last: readonly Statement[]): Promise<readonly (Changed | undefined)[]>;
  rollback(): Promise<void>;
  /** Ends what is running in the engine, and the connection with it. */
  abandon(): void;
  /** Gives the connection back. */
  release(): void;
}

/** Work was not committed and may run again: it met another transaction, or its connection was lost before the commit was sent. */
export class Again extends Error {
  readonly reason: 'conflict' | 'connection';

  constructor(reason: 'conflict' | 'connection', cause: unknown) {
    super(`the work runs again: ${reason}`, { cause });
    this.reason = reason;
  }
}

/** A statement was refused because one before it had failed, which says why. */
export class AfterFailure extends Error {}
