import pg from 'pg';
import type { Ground } from '../conformance.ts';
import { type PostgresOptions, postgres } from './postgres.ts';

/** The server for tests: a role that may make schemas. */
export const postgresUrl = process.env['SEAWORTHY_TEST_POSTGRES'] ?? 'postgres://postgres@127.0.0.1:5432/test';

/** Runs statements one by one, beside the driver. */
export async function administer(...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: postgresUrl, connectionTimeoutMillis: 2000 });
  await client.connect();
  try {
    let rows: readonly Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** Why there is no server to test on; `undefined` when there is one. Throws where one is required. */
export const postgresMissing: string | undefined = await administer('select 1').then(
  () => undefined,
  (error: Error) => {
    const reason = `no PostgreSQL answers at ${postgresUrl} (${error.message}): start one, or set SEAWORTHY_TEST_POSTGRES`;
    if (process.env['REQUIRE_ENGINES'] === '1') throw new Error(reason, { cause: error });
    return reason;
  },
);

let grounds = 0;

/** A driver whose schemas are new, and are dropped at its end. */
export function freshPostgres(
  options: Partial<Omit<PostgresOptions, 'pool' | 'url'>> = {},
): Ground & { readonly driver: ReturnType<typeof postgres> } {
  const prefix = `sw_test_${process.pid}_${grounds++}_`;
  const made = new Set<string>();
  const schema = (service: string): string => {
    made.add(`${prefix}${service}`);
    return `${prefix}${service}`;
  };
  return {
    driver: postgres({ url: postgresUrl, connections: 8, schema, ...options }),
    end: async () => void (await administer(...[...made].map((name) => `drop schema if exists "${name}" cascade`))),
  };
}
