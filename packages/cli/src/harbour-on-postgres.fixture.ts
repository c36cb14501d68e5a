import { runtime } from 'seaworthy/core';
import type { Launch } from 'seaworthy/fleet';
import type { Store } from 'seaworthy/store';
import { postgres } from 'seaworthy/store/postgres';
import makeHarbour from './harbour-fleet.fixture.ts';

/** The server for tests: a role that may make schemas. */
const url = process.env['SEAWORTHY_TEST_POSTGRES'] ?? 'postgres://postgres@127.0.0.1:5432/test';
/** A process that runs this fleet for a test gets the address of the server and the beginning of its schemas from the test. */
process.env['HARBOUR_STORE'] ??= url;
process.env['HARBOUR_SCHEMAS'] ??= `sw_cli_${process.pid}_`;

const schemaOf = (service: string): string => `${process.env['HARBOUR_SCHEMAS']}${service}`;
const driver = (): ReturnType<typeof postgres> => postgres({ url: String(process.env['HARBOUR_STORE']), connections: 4, schema: schemaOf });

/** The harbour, whose services have their data in PostgreSQL. */
export default (): Launch => {
  const { fleet, options } = makeHarbour();
  return { fleet, options: { ...options, store: driver() } };
};

/** Does `work` on the database of one service. */
export async function onStoreOf<V>(service: string, work: (store: Store) => Promise<V>): Promise<V> {
  const store = await driver().open(service, runtime());
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Why there is no server to test on; `undefined` when there is one. Throws where one is required. */
export const postgresMissing: string | undefined = await onStoreOf('probe', async () => undefined).catch((error: Error) => {
  const reason = `no PostgreSQL answers at ${url} (${error.message}): start one, or set SEAWORTHY_TEST_POSTGRES`;
  if (process.env['REQUIRE_ENGINES'] === '1') throw new Error(reason, { cause: error });
  return reason;
});

/** Removes what the fleet has made. */
export const dropSchemas = (): Promise<void> =>
  onStoreOf('probe', (store) =>
    store.transaction(async (tx) => {
      for (const service of ['ships', 'docks']) await tx.run(`drop schema if exists "${schemaOf(service)}" cascade`);
    }),
  );
