import { SeaworthyError } from '../core/errors.ts';

/** A statement was refused, by the database or because the database would have misread it. The message has the statement, never its values. */
export class StatementFailed extends SeaworthyError {
  readonly code = 'SW_STORE_STATEMENT_FAILED' as `SW_STORE_${string}`;
  readonly kind = 'internal';
}

/** A primary key or a unique constraint refused a statement, or a statement for the commit: there is such a row already. */
export class UniqueViolation extends StatementFailed {
  override readonly code = 'SW_STORE_UNIQUE_VIOLATION';
  /** The table with the constraint. */
  readonly table: string;

  constructor(message: string, { table, ...options }: { readonly table: string; readonly cause?: unknown }) {
    super(message, options);
    this.table = table;
  }
}

/**
 * A statement failed outside of a savepoint, and with it the transaction: every later statement, and the commit, is refused. Let the
 * statement's error go on, or run what may fail inside `tx.savepoint` and catch it there.
 */
export class TransactionLost extends SeaworthyError {
  readonly code = 'SW_STORE_TRANSACTION_LOST';
  readonly kind = 'internal';
}

/** A row does not match the schema that it was read by; the message names the statement and what is wrong. */
export class RowMismatch extends SeaworthyError {
  readonly code = 'SW_STORE_ROW_MISMATCH';
  readonly kind = 'internal';
}

/**
 * The database cannot do the work now, which says nothing about the work: it is repeated, and counts as no attempt. Every error of a
 * store that a later try may not meet is one.
 */
export abstract class StoreUnavailable extends SeaworthyError {
  readonly kind = 'unavailable';
}

/** The commit itself failed: nothing of the transaction is left. */
export class CommitFailed extends StoreUnavailable {
  readonly code = 'SW_STORE_COMMIT_FAILED';
}

/** The outcome of the commit is unknown: the connection broke meanwhile, or the disk refused its log. Read again what it would have changed. */
export class CommitUnknown extends StoreUnavailable {
  readonly code = 'SW_STORE_COMMIT_UNKNOWN';
}

/** A `tx` was used after its work had settled. */
export class TransactionOver extends SeaworthyError {
  readonly code = 'SW_STORE_TRANSACTION_OVER';
  readonly kind = 'internal';
}

/** The store has been closed. */
export class StoreClosed extends StoreUnavailable {
  readonly code = 'SW_STORE_CLOSED';
}

/** The database cannot be opened or written: no such folder, no permission, not a database, a disk that refused its log. */
export class StoreUnusable extends StoreUnavailable {
  readonly code = 'SW_STORE_UNUSABLE';
}

/**
 * A transaction was begun inside the work of another one, and would have waited for a connection that the outer one does not give back before.
 * Use the `tx` of the outer one, or begin it after the outer one has ended.
 */
export class TransactionNested extends SeaworthyError {
  readonly code = 'SW_STORE_TRANSACTION_NESTED';
  readonly kind = 'internal';
}

/** A migration that has been applied was edited since. */
export class MigrationEdited extends SeaworthyError {
  readonly code = 'SW_STORE_MIGRATION_EDITED';
  readonly kind = 'invalid';
}

/** A savepoint ended while one that began after it was open, or the work ended before its savepoint did. */
export class SavepointMisused extends SeaworthyError {
  readonly code = 'SW_STORE_SAVEPOINT_MISUSED';
  readonly kind = 'internal';
}

/**
 * A statement of a migration was refused. Nothing of the migrations that were to be applied with it is left; where the engine commits each
 * change of a table by itself, those before it stay, and the message says what is left of it.
 */
export class MigrationFailed extends SeaworthyError {
  readonly code = 'SW_STORE_MIGRATION_FAILED';
  readonly kind = 'invalid';
}

/** The database belongs to another service, or to a bus. The message names both. */
export class StoreTaken extends SeaworthyError {
  readonly code = 'SW_STORE_TAKEN';
  readonly kind = 'invalid';
}

/** A row of the toolkit's own cannot be read, so that it was changed by other means. The message names table and row. */
export class RowDamaged extends SeaworthyError {
  readonly code = 'SW_STORE_ROW_DAMAGED';
  readonly kind = 'internal';
}
