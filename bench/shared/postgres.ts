import pg from 'pg';

/** The PostgreSQL server for benchmarks: a role that may make databases. */
const server = process.env['SEAWORTHY_TEST_POSTGRES'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

/** Runs statements one by one in a database of the server; default the one that its address names. */
export async function administer(statements: readonly string[], url = server): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  await client.connect();
  try {
    let rows: readonly Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** Why there is no PostgreSQL to measure; `undefined` when there is one. */
export const postgresMissing: string | undefined = await administer(['select 1']).then(
  () => undefined,
  (error: Error) => `No PostgreSQL answers at ${server} (${error.message}): its rows are left out. Set SEAWORTHY_TEST_POSTGRES.`,
);

/** Makes a database of its own. Returns its address. */
export async function freshDatabase(name: string): Promise<string> {
  const database = `seaworthy_bench_${name.replaceAll(/\W/g, '_')}`;
  await administer([`drop database if exists ${database} with (force)`, `create database ${database}`]);
  const url = new URL(server);
  url.pathname = database;
  return String(url);
}

/** Drops what `freshDatabase` has made. */
export const dropDatabase = async (url: string): Promise<void> =>
  void (await administer([`drop database if exists ${new URL(url).pathname.slice(1)} with (force)`]));
