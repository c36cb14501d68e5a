import { changedTable } from '../changed-table.ts';
import { StatementFailed, StoreUnusable, UniqueViolation } from '../errors.ts';
import { refusalOf } from '../statement-name.ts';
import { Again } from './remote-session.ts';

/** An error as the client throws it: with number and SQLSTATE of the server, the code of a system call, or none. */
interface Raw {
  readonly errno?: number | undefined;
  readonly sqlState?: string | undefined;
  readonly message: string;
}

/**
 * The number of an error that the server sent (https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html,
 * https://mariadb.com/kb/en/mariadb-error-code-reference/).
 */
export const numberOf = (error: unknown): number | undefined => {
  const { errno, sqlState } = error as Raw;
  return typeof sqlState === 'string' && typeof errno === 'number' ? errno : undefined;
};

/** The server shut down, killed the connection or gave it up, or had trouble with the network. */
const lost = new Set([1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 3169, 4031]);

/** Whether the connection is gone: the client lost it, or the server ended it. */
export function isLost(error: unknown): boolean {
  const number = numberOf(error);
  return number === undefined || lost.has(number);
}

/**
 * A deadlock, a wait for a lock that took too long, a row that has changed since it was read, or a table that has. After all of them the
 * whole transaction runs again, though the server may have rolled back one statement alone.
 */
const conflicts = new Set([1020, 1205, 1213, 1412, 1615]);

/** Reasons that lie in the server and not in the statement: out of disk, memory, connections or statements; a standby, which only reads. */
const troubles = new Set([
  ...[3, 1021, 1023, 1026, 1030, 1037, 1038, 1040, 1041, 1047, 1114, 1135, 1203, 1226, 1461, 1637],
  ...[1290, 1792, 1836],
]);

/** Whether an error lies in the server or the way to it. */
export function isTrouble(error: unknown): boolean {
  const number = numberOf(error);
  return isLost(error) || (number !== undefined && troubles.has(number));
}

export const duplicate = 1062;
const duplicates = new Set([duplicate, 1169, 1586]);

/** The messages of these errors, and of class 22, quote values. */
const quoting = new Set([...duplicates, 1292, 1366, 1367, 1411, 1525, 1690]);

/** A message without values: of one that quotes some, the names at its end. */
function bare(error: unknown): string {
  const number = numberOf(error);
  const { message, sqlState } = error as Raw;
  if (number === undefined || !(quoting.has(number) || sqlState?.startsWith('22'))) return message;
  const where = / for (?:column|key) [^ ]+(?= at row \d+$|$)/.exec(message)?.[0] ?? '';
  return duplicates.has(number) ? `a row with the same key is there already${where}` : `a value does not fit${where} (error ${number})`;
}

/** Translates the error of a statement. The texts of the result have no values in them. */
export function explained(error: unknown, sql: string): Error {
  const number = numberOf(error);
  const message = bare(error);
  const cause = new Error(number === undefined ? message : `${number}: ${message}`);
  if (isLost(error)) return new Again('connection', cause);
  if (number !== undefined && conflicts.has(number)) return new Again('conflict', cause);
  if (number === undefined || isTrouble(error))
    return new StoreUnusable(`the database refuses to work (${cause.message}): look into its log, and check that it is not a standby`, {
      cause,
    });
  const refusal = refusalOf(message, sql);
  if (!duplicates.has(number)) return new StatementFailed(refusal, { cause });
  // MySQL says which table, since a trigger may have changed another one than the statement names; MariaDB does not.
  return new UniqueViolation(refusal, {
    cause,
    table: / for key '([^'.]+)\.[^']+'$/.exec((error as Raw).message)?.[1] ?? changedTable(sql),
  });
}
