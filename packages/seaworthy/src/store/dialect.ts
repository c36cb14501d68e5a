import type { Most } from './read-some.ts';
import type { Fragment, Row, Statements } from './statements.ts';

/** Which rows an insert makes, and by which columns it recognises one that is there already. */
export interface Insertion {
  readonly table: string;
  /** Separated by commas, in the order of the values. */
  readonly columns: string;
  /** The columns of a primary key or a unique constraint, separated by commas. */
  readonly key: string;
  /** A `select` that gives the rows. By default one row of placeholders, one for each column. */
  readonly from?: string;
}

/** Which rows a deletion removes: the first ones that meet a condition. */
export interface Deletion {
  readonly table: string;
  /** The columns of its primary key, separated by commas. */
  readonly key: string;
  /** A condition. A query in it names the columns of the table with the table. */
  readonly where: Fragment;
  /** The columns whose order it is. */
  readonly order: string;
  /** How many rows are removed at most. */
  readonly limit: number;
}

/** An index that the queries for some rows of a table enter. */
export interface PartialIndex {
  readonly name: string;
  readonly table: string;
  readonly columns: string;
  /** The rows that it covers. The queries say the same, in the same words. */
  readonly where: string;
  /**
   * The columns of an index that serves these queries where every index covers all rows. A text that is no key is indexed by its first
   * characters, `note(1)`. Default: another index serves them.
   */
  readonly whole?: string;
}

/** The types of columns. */
export interface ColumnTypes {
  /** Numbers the rows in the order of their insertion, never uses a number again, and is the primary key. */
  readonly identity: string;
  /** Text of up to 255 characters that may be part of a key, and is equal only to itself: case, accents and spaces at its end count. */
  readonly key: string;
  /** Text of up to 1,000 ASCII characters that may be part of a key. A space at its end may not count. */
  readonly ascii: string;
  /** Text of any length, outside of keys. */
  readonly text: string;
  /** Whole numbers of 64 bits. */
  readonly integer: string;
  /** Bytes, as they are. */
  readonly bytes: string;
}

/** Which rows of a table a worker takes, and what it writes on them. */
export interface Claiming {
  readonly table: string;
  /** The columns of its primary key. */
  readonly key: readonly string[];
  /** Rows that are work at all, such as those of one consumer. */
  readonly live: Fragment;
  /** Rows whose time has come; see `isDue` and `isFar`. The column `due` gives the order in any case. Default: all of them. */
  readonly due?: Fragment | undefined;
  /** Rows that the worker may take by their `owner`: free ones, its own, or those of dead workers (`Worker.dead`). */
  readonly owner: Fragment;
  /** The worker's id, written into the column `owner`. It is the fence of every later write. */
  readonly worker: string;
  /**
   * Further columns to write, such as `crashes = crashes + 1`, by the owner that the row had before. No assignment reads a column that one
   * before it sets: engines differ in what it would see. Default none.
   */
  readonly set?: Fragment;
  /** The columns that are returned. */
  readonly columns: string;
  /** An expression: how large a row is in bytes. */
  readonly size: string;
}

/**
 * What the toolkit's own statements say differently on different engines. A statement that reads the same on all of them is written
 * out where it is used.
 */
export interface Dialect {
  /** Of the engine, for telemetry: `sqlite`, `postgres`, `mysql`. */
  readonly name: string;
  readonly types: ColumnTypes;
  /** Follows the closing parenthesis of a `create table`. */
  readonly tableOptions: string;
  /** The same for a table whose rows change or go soon after they were written: an engine may leave room beside them, or clean up earlier. */
  readonly hotTableOptions: string;
  /** The statements that make an index for some rows of a table. */
  partialIndex(index: PartialIndex): readonly string[];
  /** A condition: the text of `expression` is JSON. */
  isJson(expression: string): string;
  /** An insert that leaves a row alone whose key is there already: its `changes` count only rows that it made. */
  insertNew(insertion: Insertion): string;
  /** An insert that overwrites the columns `set` of a row whose key is there already. */
  upsert(insertion: Insertion & { readonly set: string }): string;
  /** A deletion of so many rows. */
  deleteFirst(deletion: Deletion): Fragment;
  /** Takes the rows for a worker, in any order, each with its time in the column `claim_due`. */
  claim(tx: Statements, claiming: Claiming, most: Most): Promise<readonly Row[]>;
  /**
   * Whether a table that is made or changed in a transaction is as before when the transaction is rolled back. Where it is not, the driver
   * refuses to make or change tables outside of migrations.
   */
  readonly transactionalDdl: boolean;
  /** Whether a column of whole numbers refuses a fraction. Where it does not, the engine rounds the fraction. */
  readonly refusesFractions: boolean;
}

const listed = (columns: string): readonly string[] => columns.split(',').map((column) => column.trim());

/** Writes the part of an insertion that all engines share. */
export const insertInto = ({ table, columns, from }: Insertion): string =>
  `insert into ${table} (${columns}) ${from ?? `values (${listed(columns).map(() => '?')})`}`;

/** Writes an index for engines whose indexes may cover some rows alone. */
export const partialIndex = ({ name, table, columns, where }: PartialIndex): readonly string[] => [
  `create index ${name} on ${table} (${columns}) where ${where}`,
];

/** Writes a deletion for engines whose `delete` has no limit. A row that was changed meanwhile must meet the condition still. */
export const deleteChosen = ({ table, key, where: { sql, values }, order, limit }: Deletion): Fragment => ({
  sql: `delete from ${table} where ${sql} and (${key}) in (select ${key} from ${table} where ${sql} order by ${order} limit ?)`,
  values: [...values, ...values, limit],
});

/** Writes the assignments of an upsert. `value` names what the refused row had for a column. */
export const overwriting = (set: string, value: (column: string) => string): string =>
  listed(set)
    .map((column) => `${column} = ${value(column)}`)
    .join(', ');
