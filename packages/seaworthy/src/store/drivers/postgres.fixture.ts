import type { TestContext } from 'node:test';
import pg from 'pg';
import { systemClock } from '../../core/clock.ts';
import { type Runtime, runtime } from '../../core/runtime.ts';
import type { Ground } from '../conformance.ts';
import type { Store } from '../store.ts';
import { type PostgresOptions, postgres } from './postgres.ts';

/** The server for tests: a role that may make schemas. */
export const postgresUrl = process.env['SEAWORTHY_TEST_POSTGRES'] ?? 'postgres://postgres@127.0.0.1:5432/test';

/** Runs statements one by one, beside the driver. Resolves with the rows of the last. */
export const administer = (...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> =>
  administerAt(postgresUrl, ...statements);

export async function administerAt(url: string, ...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
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

export interface PostgresGround extends Ground {
  readonly driver: ReturnType<typeof postgres>;
  /** The name of a service's schema. */
  readonly schema: (service: string) => string;
  readonly end: () => Promise<void>;
}

/** A driver whose schemas are new, and are dropped at its end. Its stores must be closed before. */
export function freshPostgres({
  url = postgresUrl,
  ...options
}: Partial<Omit<PostgresOptions, 'pool'>> & { readonly url?: string } = {}): PostgresGround {
  const prefix = `sw_test_${process.pid}_${grounds++}_`;
  const made = new Set<string>();
  const schema = (service: string): string => {
    made.add(`${prefix}${service}`);
    return `${prefix}${service}`;
  };
  return {
    driver: postgres({ url, connections: 8, schema, ...options }),
    schema,
    end: async () => void (await administer(...[...made].map((name) => `drop schema if exists "${name}" cascade`))),
  };
}

/** A runtime whose waits are fifty times as short, for tests of what the driver does when it has waited in vain. */
export const hasty = (parts: Partial<Runtime> = {}): Runtime =>
  runtime({ ...parts, clock: { ...systemClock, after: (ms, run, options) => systemClock.after(ms / 50, run, options) } });

/** Opens the store of the service `bank` with an empty table `item (name)`. After the test it is closed, and all of it is dropped. */
export async function openBank(t: TestContext, { driver, end }: PostgresGround, machine = runtime()): Promise<Store> {
  const store = await driver.open('bank', machine);
  t.after(async () => {
    await store.close();
    await end();
  });
  await store.migrate([{ name: 'bank/1', statements: ['create table item (name text primary key)'] }]);
  return store;
}

/** The names of the items, in their order. */
export const itemsOf = async (store: Store): Promise<readonly unknown[]> =>
  (await store.read.all('select name from item order by name')).map(({ name }) => name);
