import { fieldOf } from '../../core/thrown.ts';
import { changedTable } from '../changed-table.ts';
import { CommitUnknown, StatementFailed, StoreUnusable, UniqueViolation } from '../errors.ts';
import { refusalOf } from '../statement-name.ts';
import { AfterFailure, Again } from './remote-session.ts';

/** An error as the client throws it: with the SQLSTATE of the server, the code of a system call, or none. */
interface Raw {
  readonly code?: string | undefined;
  readonly message: string;
  readonly severity?: string | undefined;
  /** The function of the server that threw it. */
  readonly routine?: string | undefined;
  /** The table that a constraint belongs to. */
  readonly table?: string | undefined;
}

/** The SQLSTATE, if the server sent one (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
export const sqlstateOf = (error: unknown): string | undefined => {
  const code = fieldOf(error, 'code');
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && fieldOf(error, 'severity') !== undefined ? code : undefined;
};

/** Whether the connection is gone: the client lost it, or the server ended it. */
export function isLost(error: unknown): boolean {
  const state = sqlstateOf(error);
  if (state === malformed) return (error as Raw).severity !== 'ERROR';
  return state === undefined || state.startsWith('08') || state.startsWith('57P0');
}

/** A message against the protocol, such as values that the statement has no place for. */
const malformed = '08P01';
const readOnly = '25006';
/** Reasons that lie in the server and not in the statement, by SQLSTATE or its class: out of disk, memory or connections; input and output. */
const troubles = /^(?:53|58|XX)/;

/** Whether an error lies in the server or the way to it. `reading`: in a query that may not change anything. */
export function isTrouble(error: unknown, reading = false): boolean {
  const state = sqlstateOf(error);
  return isLost(error) || troubles.test(state ?? '') || (state === readOnly && !reading);
}

const conflicts = new Set(['40001', '40P01']);
/** The statement was prepared for a table that has changed since. */
const stalePlan = '0A000';
/** Prepared by another connection, or prepared twice. */
const unprepared = new Set(['26000', '42P05']);
const alreadyThere = '23505';
const afterFailure = '25P02';

/** The messages of these classes quote values. */
const quotesValues = (state: string): boolean => state.startsWith('22');

/** A cause without the details of the server, which quote values. */
const bare = (error: unknown, state: string | undefined): Error => {
  const { message } = error as Raw;
  return new Error(state === undefined ? message : `${state}${quotesValues(state) ? '' : `: ${message}`}`);
};

/** The text of the message depends on the language of the server. */
export const isStalePlan = (error: unknown): boolean =>
  sqlstateOf(error) === stalePlan && /^RevalidateCached/.test((error as Raw).routine ?? '');

export const isAfterFailure = (error: unknown): boolean => sqlstateOf(error) === afterFailure;

const unusable = (cause: Error): StoreUnusable =>
  new StoreUnusable(`the database refuses to work (${cause.message}): look into its log, and check that it is not a standby`, { cause });

/** Translates the error with which the server refused to begin a transaction or a savepoint. */
export function unbegun(error: unknown): Error {
  const why = explained(error, 'begin');
  return why instanceof StatementFailed ? unusable(bare(error, sqlstateOf(error))) : why;
}

/** Returns the error of a statement that ran although the server had refused to begin a transaction for it. */
export const ranAlone = (error: unknown): CommitUnknown => {
  const cause = bare(error, sqlstateOf(error));
  return new CommitUnknown(
    `the database did not begin a transaction (${cause.message}), and what was sent with it may have been run without one: read again what it would have changed`,
    { cause },
  );
};

/** Translates the error of a statement. The texts of the result have no values in them. `reading`: in a query that may not change anything. */
export function explained(error: unknown, sql: string, reading = false): Error {
  const state = sqlstateOf(error);
  const cause = bare(error, state);
  if (state === undefined || isLost(error)) return new Again('connection', cause);
  if (conflicts.has(state) || isStalePlan(error)) return new Again('conflict', cause);
  if (state === afterFailure) return new AfterFailure(cause.message, { cause });
  if (isTrouble(error, reading)) return unusable(cause);
  const hint = unprepared.has(state) ? ': a pooler shares connections between clients, so open the store with `prepare: false`' : '';
  const what = quotesValues(state) ? `a value does not fit (SQLSTATE ${state})` : (error as Raw).message;
  const message = refusalOf(`${what}${hint}`, sql);
  if (state === alreadyThere) return new UniqueViolation(message, { cause, table: (error as Raw).table ?? changedTable(sql) });
  return new StatementFailed(message, { cause });
}
