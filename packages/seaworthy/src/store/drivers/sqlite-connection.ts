import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { StatementFailed } from '../errors.ts';
import type { Row, Value } from '../store.ts';

const cached = 500;

/** SQLite's own number for "somebody else has the lock" (https://sqlite.org/rescode.html#busy). */
export const isBusy = (error: unknown): boolean => (error as { errcode?: number }).errcode === 5;

const toColumn = (value: Value | undefined): SQLInputValue =>
  value === undefined ? null : typeof value === 'boolean' ? Number(value) : value;

/** One connection of node:sqlite with its prepared statements. */
export class Connection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string, readOnly = false) {
    this.#database = new DatabaseSync(path, { readOnly, timeout: 0 });
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** For statements without values or rows: pragmas, BEGIN, COMMIT. */
  exec(sql: string): void {
    this.#database.exec(sql);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      if (this.#statements.size >= cached) this.#statements.clear();
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #explain(sql: string, cause: unknown): unknown {
    if (isBusy(cause)) return cause;
    return new StatementFailed(`${(cause as Error).message}, in: ${sql.replaceAll(/\s+/g, ' ').slice(0, 300)}`, { cause });
  }

  all(sql: string, values: readonly (Value | undefined)[]): readonly Row[] {
    try {
      const statement = this.#prepare(sql);
      const columns = values.map(toColumn);
      try {
        return statement.all(...columns) as unknown as readonly Row[];
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_OUT_OF_RANGE') throw error;
        return bigRows(statement, columns);
      }
    } catch (error) {
      throw this.#explain(sql, error);
    }
  }

  run(sql: string, values: readonly (Value | undefined)[]): { readonly changes: number } {
    try {
      return { changes: Number(this.#prepare(sql).run(...values.map(toColumn)).changes) };
    } catch (error) {
      throw this.#explain(sql, error);
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

/** Rows with an integer beyond 2^53: that one stays a bigint. */
function bigRows(statement: StatementSync, columns: SQLInputValue[]): readonly Row[] {
  statement.setReadBigInts(true);
  try {
    return statement
      .all(...columns)
      .map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value,
          ]),
        ),
      ) as unknown as readonly Row[];
  } finally {
    statement.setReadBigInts(false);
  }
}
