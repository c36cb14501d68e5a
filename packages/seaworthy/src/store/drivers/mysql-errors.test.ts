import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatementFailed, StoreUnusable, type UniqueViolation } from '../errors.ts';
import { explained } from './mysql-errors.ts';
import { Again } from './remote-session.ts';

const raw = (errno: number, sqlState: string | undefined, message: string) => Object.assign(new Error(message), { errno, sqlState });
const sql = 'update counter set n = ?';

test('errors in the words of MySQL 8 and of MariaDB lose the values that they quote, and keep the names', () => {
  const worded: readonly (readonly [error: Error, expected: string])[] = [
    [raw(1366, 'HY000', "Incorrect integer value: 'secret' for column 'n' at row 1"), "a value does not fit for column 'n' (error 1366)"],
    [
      raw(1366, '22007', "Incorrect integer value: 'secret' for column `bank`.`counter`.`n` at row 1"),
      'a value does not fit for column `bank`.`counter`.`n` (error 1366)',
    ],
    [raw(1292, '22007', "Truncated incorrect DOUBLE value: 'secret'"), 'a value does not fit (error 1292)'],
    [raw(1690, '22003', "BIGINT UNSIGNED value is out of range in '(secret - 5)'"), 'a value does not fit (error 1690)'],
    [raw(1411, 'HY000', "Incorrect datetime value: 'secret' for function str_to_date"), 'a value does not fit (error 1411)'],
    [
      raw(1062, '23000', "Duplicate entry 'secret for key x' for key 'counter.PRIMARY'"),
      "a row with the same key is there already for key 'counter.PRIMARY'",
    ],
    [raw(1048, '23000', "Column 'n' cannot be null"), "Column 'n' cannot be null"],
    [raw(3819, 'HY000', "Check constraint 'counter_chk_1' is violated."), "Check constraint 'counter_chk_1' is violated."],
  ];
  for (const [error, expected] of worded) {
    const result = explained(error, sql);
    assert.ok(result instanceof StatementFailed);
    assert.equal(result.message, `${expected}, in: ${sql}`);
    assert.doesNotMatch(String(result.cause), /secret/);
  }
});

test('the table of a refused key is the one that MySQL names, or the one that the statement changes', () => {
  const tableOf = (message: string): string => (explained(raw(1062, '23000', message), sql) as UniqueViolation).table;
  assert.equal(tableOf("Duplicate entry '1' for key 'log.PRIMARY'"), 'log');
  assert.equal(tableOf("Duplicate entry '1' for key 'PRIMARY'"), 'counter');
});

test('an error says whether its transaction runs again, and where', () => {
  const again = (error: Error): string | undefined => {
    const result = explained(error, sql);
    return result instanceof Again ? result.reason : result.constructor.name;
  };
  const cases: readonly (readonly [error: Error, expected: string])[] = [
    [raw(1213, '40001', 'Deadlock found when trying to get lock'), 'conflict'],
    [raw(1205, 'HY000', 'Lock wait timeout exceeded'), 'conflict'],
    [raw(1020, 'HY000', "Record has changed since last read in table 'counter'"), 'conflict'],
    [raw(1412, 'HY000', 'Table definition has changed'), 'conflict'],
    [Object.assign(new Error('Connection lost: The server closed the connection.'), { code: 'PROTOCOL_CONNECTION_LOST' }), 'connection'],
    [raw(-104, undefined, 'read ECONNRESET'), 'connection'],
    [raw(1053, '08S01', 'Server shutdown in progress'), 'connection'],
    [raw(1927, '70100', 'Connection was killed'), 'connection'],
    [raw(4031, 'HY000', 'The client was disconnected by the server because of inactivity'), 'connection'],
    [raw(1290, 'HY000', 'The MySQL server is running with the --read-only option'), StoreUnusable.name],
    [raw(1114, 'HY000', "The table 'counter' is full"), StoreUnusable.name],
    [raw(1461, '42000', "Can't create more than max_prepared_stmt_count statements"), StoreUnusable.name],
    [raw(1146, '42S02', "Table 'bank.counter' doesn't exist"), StatementFailed.name],
  ];
  for (const [error, expected] of cases) assert.equal(again(error), expected, error.message);
});
