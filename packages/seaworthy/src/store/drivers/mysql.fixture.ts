import mysql2 from 'mysql2/promise';
import type { Ground } from '../conformance.ts';
import { type MysqlPool, mysql } from './mysql.ts';

/** The server for tests: a user that may make databases. */
export const mysqlUrl = process.env['SEAWORTHY_TEST_MYSQL'] ?? 'mysql://root@127.0.0.1:3306';

/** Runs statements one by one, beside the driver. */
export async function administer(...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const client = await mysql2.createConnection({ uri: mysqlUrl, connectTimeout: 2000 });
  try {
    let rows: readonly Record<string, unknown>[] = [];
    for (const statement of statements) [rows] = (await client.query(statement)) as unknown as [readonly Record<string, unknown>[]];
    return rows;
  } finally {
    await client.end();
  }
}

const wanted = process.env['SEAWORTHY_TEST_MYSQL'];

/** Why the tests do not run; `undefined` when they do. The driver is not finished: its tests run where a server is named for them. */
export const mysqlMissing: string | undefined =
  wanted === undefined || wanted === ''
    ? 'name a server in SEAWORTHY_TEST_MYSQL, such as mysql://root@127.0.0.1:3306'
    : await administer('select 1').then(
        () => undefined,
        (cause: Error) => {
          throw new Error(`no MySQL or MariaDB answers at ${mysqlUrl}`, { cause });
        },
      );

let grounds = 0;

/** A driver whose databases are new, and are dropped at its end, on a pool of its own unless it is given one. */
export function freshMysql(pool?: MysqlPool): Ground & { readonly driver: ReturnType<typeof mysql> } {
  const prefix = `sw_test_${process.pid}_${grounds++}_`;
  const made = new Set<string>();
  const database = (service: string): string => {
    made.add(`${prefix}${service}`);
    return `${prefix}${service}`;
  };
  return {
    driver: mysql(pool ? { pool, database } : { url: mysqlUrl, connections: 8, database }),
    end: async () => void (await administer(...[...made].map((name) => `drop database if exists \`${name}\``))),
  };
}
