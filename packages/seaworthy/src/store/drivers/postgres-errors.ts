import { changedTable } from '../changed-table.ts';
import { StatementFailed, StoreUnusable, UniqueViolation } from '../errors.ts';
import { AfterFailure, Again } from './remote-session.ts';

/** An error as the client throws it: with the SQLSTATE of the server, the code of a system call, or none. */
interface Raw {
  readonly code?: string | undefined;
  readonly message: string;
  /** The table that a constraint belongs to. */
  readonly table?: string | undefined;
}

/** The SQLSTATE, if the server sent one (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
export const sqlstateOf = (error: unknown): string | undefined => {
  const { code } = error as Raw;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && 'severity' in (error as object) ? code : undefined;
};

/** Whether the connection is gone: the client lost it, or the server ended it. */
export function isLost(error: unknown): boolean {
  const state = sqlstateOf(error);
  return state === undefined || state.startsWith('08') || state.startsWith('57P0');
}

/** Reasons that lie in the server and not in the statement, by SQLSTATE or its class: out of disk, memory or connections; input and output. */
const troubles = /^(?:53|58|XX)/;

const conflicts = new Set(['40001', '40P01']);
/** The statement was prepared for a table that has changed since. */
const stalePlan = '0A000';
const unprepared = '26000';
const alreadyThere = '23505';
const afterFailure = '25P02';

/** The messages of these classes quote values. */
const quotesValues = (state: string): boolean => state.startsWith('22');

/** A cause without the details of the server, which quote values. */
const bare = (error: unknown, state: string | undefined): Error => {
  const { message } = error as Raw;
  return new Error(state === undefined ? message : `${state}${quotesValues(state) ? '' : `: ${message}`}`);
};

export const isStalePlan = (error: unknown): boolean => sqlstateOf(error) === stalePlan && /cached plan/.test((error as Raw).message);

/** Translates the error of a statement. The texts of the result have no values in them. */
export function explained(error: unknown, sql: string): Error {
  const state = sqlstateOf(error);
  const cause = bare(error, state);
  if (state === undefined || isLost(error)) return new Again('connection', cause);
  if (conflicts.has(state) || isStalePlan(error)) return new Again('conflict', cause);
  if (state === afterFailure) return new AfterFailure(cause.message, { cause });
  if (troubles.test(state)) return new StoreUnusable(`the database refuses to work (${cause.message}): look into its log`, { cause });
  const hint = state === unprepared ? ': a pooler shares connections between clients, so open the store with `prepare: false`' : '';
  const what = quotesValues(state) ? `a value does not fit (SQLSTATE ${state})` : (error as Raw).message;
  const message = `${what}${hint}, in: ${sql.replaceAll(/\s+/g, ' ').slice(0, 300)}`;
  if (state === alreadyThere) return new UniqueViolation(message, { cause, table: (error as Raw).table ?? changedTable(sql) });
  return new StatementFailed(message, { cause });
}
