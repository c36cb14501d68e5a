/** What a column may hold, in and out. Whole numbers go in as integers; integers beyond 2^53 come back as bigint. */
export type Value = string | number | bigint | boolean | null | Uint8Array;
export type Row = Readonly<Record<string, Value>>;

/**
 * One SQL statement with `?` placeholders, one value for each; the driver translates. Booleans are stored as 0 and 1 where the
 * engine has none. What is refused throws `StatementFailed`: also a second statement, or a `commit`, in the same text.
 */
export interface Read {
  /** Every row of the answer. Outside a transaction it sees only what is committed and durable. */
  all(sql: string, ...values: readonly (Value | undefined)[]): Promise<readonly Row[]>;
}

/** A part of a statement, with the values of its placeholders. */
export interface Fragment {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** What runs inside a transaction. */
export interface Statements extends Read {
  /** Runs one statement that changes rows. */
  run(sql: string, ...values: readonly (Value | undefined)[]): Promise<{ readonly changes: number }>;
}
