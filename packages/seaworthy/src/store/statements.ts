import type { RowSchema } from './row-schema.ts';

/** The value of a column. Whole numbers are stored as integers; integers beyond 2^53 are returned as bigint. */
export type Value = string | number | bigint | boolean | null | Uint8Array;
/** A row, by the names of its columns. It is a plain object, which belongs to the caller. */
export type Row = Readonly<Record<string, Value>>;
/** The values of a statement's placeholders; `undefined` is stored as null. */
export type Values = readonly (Value | undefined)[];
/** A statement and its values. */
export type Statement = readonly [sql: string, ...values: Values];

/** A part of a statement, with the values of its placeholders. */
export interface Fragment {
  readonly sql: string;
  readonly values: readonly Value[];
}

/**
 * Reads rows. A statement has a `?` placeholder for each value; the driver translates. Booleans are stored as 0 and 1 where the
 * engine has none. A statement that is refused throws `StatementFailed`: also a second statement, or a `commit`, in the same text,
 * and a text value with U+0000 in it, which some engines cannot keep. One that a primary key or a unique constraint refuses throws
 * `UniqueViolation`, which is a `StatementFailed`.
 */
export interface Read {
  /**
   * Returns the rows as the output of `schema`, any Standard Schema of one row: zod, valibot, arktype. Throws `RowMismatch` when a row
   * does not match it.
   */
  all<O>(schema: RowSchema<O>, sql: string, ...values: Values): Promise<readonly O[]>;
  /** Returns every row of the answer. */
  all(sql: string, ...values: Values): Promise<readonly Row[]>;
}

/** Reads rows outside of transactions. It sees only what is committed and durable. */
export interface Reader extends Read {
  /** Returns a reader whose statements reject with the signal's reason when `signal` aborts, and end in the engine where they can. */
  withSignal(signal: AbortSignal): Read;
}

/** The result of a statement that changes rows. */
export interface Changed {
  /** The number of rows. */
  readonly changes: number;
}

/** The result of a statement that runs with the commit. */
export interface ChangedAtCommit {
  /**
   * The number of rows, once the transaction has committed. `undefined` before, after a rollback of its savepoint, and when the connection
   * was lost before the engine said so, though the transaction is committed: read again.
   */
  readonly changes: number | undefined;
}

/** Reads and changes rows in a transaction. */
export interface Statements extends Read {
  /** Runs one statement that changes rows. */
  run(sql: string, ...values: Values): Promise<Changed>;
  /**
   * Runs several statements in their order, in one exchange with the engine where it can. Resolves with what each has changed. When
   * one is refused it rejects with that error, and those after it have no effect.
   */
  runAll(statements: readonly Statement[]): Promise<readonly Changed[]>;
}
