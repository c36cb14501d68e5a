import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { changedTable } from '../changed-table.ts';
import { StatementFailed, UniqueViolation } from '../errors.ts';
import { refusalOf } from '../statement-name.ts';
import type { Row, Value, Values } from '../store.ts';
import { refuseValue } from '../values.ts';
import { isUnique } from './sqlite-busy.ts';
import { shapeOf } from './sqlite-statement.ts';

interface Prepared {
  readonly statement: StatementSync;
  readonly names: Names;
  readonly placeholders: number;
  readonly reading: boolean;
  readonly changing: boolean;
  readonly returning: boolean;
}

/** A statement of every transaction, which is prepared once. Savepoints end in the reverse of their order, so one name is enough. */
type Control = 'begin immediate' | 'commit' | 'rollback' | `${'savepoint' | 'release' | 'rollback to'} level`;

const cached = 500;

/** Binds a whole number as an integer: node:sqlite would bind 5 as 5.0, which a text column stores as '5.0'. */
function toColumn(value: Value | undefined, index: number): SQLInputValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (Number.isSafeInteger(value)) return BigInt(value as number);
  refuseValue(value, index);
  return value;
}

const toValue = (value: SQLOutputValue | undefined): SQLOutputValue =>
  typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : (value ?? null);

/** A row as an array: the objects of node:sqlite have no prototype, and take twice as long. */
type Columns = readonly SQLOutputValue[];

function rowsOf({ names }: Names, all: readonly Columns[]): readonly Row[] {
  const rows: Row[] = [];
  for (const columns of all) {
    const row: Record<string, Value> = {};
    for (let index = 0; index < columns.length; index++) row[names[index] as string] = columns[index] as Value;
    rows.push(row);
  }
  return rows;
}

/** The names of a statement's columns. The columns of `select *` change with the table. */
class Names {
  readonly #statement: StatementSync;
  readonly #mayChange: boolean;
  #names: readonly string[] | undefined;

  constructor(statement: StatementSync, sql: string) {
    this.#statement = statement;
    this.#mayChange = sql.includes('*');
  }

  get names(): readonly string[] {
    if (!this.#names || this.#mayChange) this.#names = this.#statement.columns().map(({ name }) => name);
    return this.#names;
  }
}

/** Columns with an integer beyond 2^53, which stays a bigint. */
function wideColumns(statement: StatementSync, values: readonly SQLInputValue[]): readonly Columns[] {
  statement.setReadBigInts(true);
  try {
    return (statement.all(...values) as unknown as readonly Columns[]).map((columns) => columns.map(toValue));
  } finally {
    statement.setReadBigInts(false);
  }
}

/**
 * One connection of node:sqlite with its prepared statements. A statement that SQLite refuses throws `StatementFailed`, or
 * `UniqueViolation`.
 */
export class Connection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();
  readonly #controls = new Map<Control, StatementSync>();
  readonly #version: StatementSync;

  readonly #met: (error: unknown) => void;
  #changed = 0;

  /** `met` is called with every error that SQLite throws at a statement. */
  constructor(path: string, readOnly = false, met: (error: unknown) => void = () => {}) {
    this.#met = met;
    this.#database = new DatabaseSync(path, { readOnly, timeout: 0 });
    this.#version = this.#database.prepare('pragma data_version');
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** The number of successful `run` statements. */
  get changed(): number {
    return this.#changed;
  }

  /** Runs a statement without values or rows, such as a pragma. Throws the error of node:sqlite. */
  exec(sql: string): void {
    this.#database.exec(sql);
  }

  /** Turns foreign keys on or off for the following transactions. It does nothing in a transaction (https://sqlite.org/pragma.html#pragma_foreign_keys). */
  foreignKeys(enforced: boolean): void {
    this.#database.exec(`pragma foreign_keys = ${enforced ? 'on' : 'off'}`);
  }

  /** Turns the write-ahead log on. Returns whether it is on: a file that is not on a disk of this machine cannot have one. */
  writeAhead(): boolean {
    return this.#database.prepare('pragma journal_mode = wal').get()?.['journal_mode'] === 'wal';
  }

  /** Begins and ends transactions and savepoints. Throws the error of node:sqlite. */
  control(sql: Control): void {
    let statement = this.#controls.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      this.#controls.set(sql, statement);
    }
    statement.run();
  }

  /** A value that changes whenever another connection commits (https://sqlite.org/pragma.html#pragma_data_version). */
  version(): unknown {
    return this.#version.get()?.['data_version'];
  }

  #prepare(sql: string, values: Values): Prepared {
    let prepared = this.#statements.get(sql);
    if (!prepared) {
      const { fault, ...shape } = shapeOf(sql);
      if (fault !== undefined) throw new TypeError(`the statement ${fault}`);
      const statement = this.#database.prepare(sql);
      statement.setReturnArrays(true);
      prepared = { statement, names: new Names(statement, sql), ...shape };
      if (this.#statements.size >= cached) this.#statements.delete(this.#statements.keys().next().value as string);
      this.#statements.set(sql, prepared);
    }
    if (values.length !== prepared.placeholders) {
      throw new TypeError(`the statement has ${prepared.placeholders} placeholders and was given ${values.length} values`);
    }
    return prepared;
  }

  #explain(sql: string, cause: unknown): StatementFailed {
    this.#met(cause);
    const { message: refusal } = cause as Error;
    const message = refusalOf(refusal, sql);
    if (!isUnique(cause)) return new StatementFailed(message, { cause });
    // A trigger may have changed another table than the statement names; SQLite says which, unless the index has expressions.
    return new UniqueViolation(message, { cause, table: /constraint failed: (\w+)\./.exec(refusal)?.[1] ?? changedTable(sql) });
  }

  /** `changes` is called before a statement that may change something. */
  all(sql: string, values: Values, changes?: () => void): readonly Row[] {
    try {
      const { statement, names, reading, returning } = this.#prepare(sql, values);
      if (!reading) changes?.();
      const columns = values.map(toColumn);
      // A statement that changes rows must not run twice.
      if (returning) return rowsOf(names, wideColumns(statement, columns));
      try {
        return rowsOf(names, statement.all(...columns) as unknown as readonly Columns[]);
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_OUT_OF_RANGE') throw error;
        return rowsOf(names, wideColumns(statement, columns));
      }
    } catch (error) {
      throw this.#explain(sql, error);
    }
  }

  /** `changes` is called before a statement that may change rows. */
  run(sql: string, values: Values, changes?: () => void): { readonly changes: number } {
    try {
      const { statement, reading, changing } = this.#prepare(sql, values);
      if (!reading) changes?.();
      const done = statement.run(...values.map(toColumn));
      this.#changed++;
      // For other statements SQLite returns the changes of the statement before.
      return { changes: changing ? Number(done.changes) : 0 };
    } catch (error) {
      throw this.#explain(sql, error);
    }
  }

  close(): void {
    this.#statements.clear();
    this.#controls.clear();
    this.#database.close();
  }
}
