import { RowMismatch } from './errors.ts';
import type { RowSchema } from './row-schema.ts';
import { statementName } from './statement-name.ts';
import type { Read, Reader, Row, Values } from './statements.ts';

const stepOf = (step: unknown): string => String(typeof step === 'object' && step !== null && 'key' in step ? step.key : step);

async function checked<O>(schema: RowSchema<O>, sql: string, rows: readonly Row[]): Promise<readonly O[]> {
  const all: O[] = [];
  for (const [index, row] of rows.entries()) {
    const result = await schema['~standard'].validate(row);
    if (!result.issues) {
      all.push(result.value);
      continue;
    }
    const wrong = result.issues.map(({ message, path = [] }) =>
      [path.map(stepOf).join('.'), message].filter((text) => text !== '').join(': '),
    );
    throw new RowMismatch(
      `row ${index + 1} of ${statementName(sql)()} does not match its schema (${wrong.join('; ')}): correct the schema, or the columns that are selected`,
    );
  }
  return all;
}

/** Makes both forms of `Read.all` of a function that runs a statement. */
export function allBy(run: (sql: string, values: Values) => Promise<readonly Row[]>): Read['all'] {
  function all(first: string | RowSchema<unknown>, ...rest: Values): Promise<readonly unknown[]> {
    if (typeof first === 'string') return run(first, rest);
    const [sql, ...values] = rest as readonly [string, ...Values];
    return run(sql, values).then((rows) => checked(first, sql, rows));
  }
  return all as Read['all'];
}

/** Makes a `Reader` of a function that runs a statement. `signal` ends the statement where the engine can. */
export const readerBy = (run: (sql: string, values: Values, signal?: AbortSignal) => Promise<readonly Row[]>): Reader => ({
  all: allBy((sql, values) => run(sql, values)),
  withSignal: (signal) => ({ all: allBy((sql, values) => run(sql, values, signal)) }),
});
