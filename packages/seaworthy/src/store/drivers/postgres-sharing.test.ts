import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import pg from 'pg';
import { runtime } from '../../core/runtime.ts';
import { StatementFailed } from '../errors.ts';
import type { Store } from '../store.ts';
import { administer, freshPostgres, type PostgresGround, postgresMissing, postgresUrl } from './postgres.fixture.ts';
import { postgres } from './postgres.ts';
import { startProxy } from './postgres-proxy.fixture.ts';

const services = ['orders', 'payments', 'inventory'] as const;
type Service = (typeof services)[number];

/** Opens a store for each service, whose table `who` has the service's name. They are closed after the test. */
async function openAll(t: TestContext, { driver, end }: Pick<PostgresGround, 'driver' | 'end'>): Promise<Readonly<Record<Service, Store>>> {
  const stores = {} as Record<Service, Store>;
  t.after(async () => {
    for (const store of Object.values(stores)) await store.close();
    await end();
  });
  for (const service of services) {
    const store = await driver.open(service, runtime());
    stores[service] = store;
    await store.migrate([{ name: `${service}/1`, statements: ['create table who (name text)', `insert into who values ('${service}')`] }]);
  }
  return stores;
}

const who = async (store: Pick<Store['read'], 'all'>): Promise<unknown> => (await store.all('select name from who'))[0]?.['name'];

/** One thing that a service does with its store, and the name that it found. */
const deeds: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  read: (store) => who(store.read),
  'a read that is refused': async (store) => {
    await assert.rejects(store.read.all('select nothing from who'), StatementFailed);
    return who(store.read);
  },
  transaction: (store) => store.transaction((tx) => who(tx), { isolation: 'read committed' }),
  'a transaction that is rolled back': async (store) => {
    let found: unknown;
    const work = store.transaction(
      async (tx) => {
        found = await who(tx);
        throw new Error('back');
      },
      { lane: 'own' },
    );
    await assert.rejects(work, /back/);
    return found;
  },
  'a transaction that is refused': async (store) => {
    await assert.rejects(
      store.transaction((tx) => tx.run('select nothing from who')),
      StatementFailed,
    );
    return store.transaction((tx) => who(tx), { isolation: 'read committed' });
  },
};

describe('postgres: services in one database', { skip: postgresMissing ?? false }, () => {
  for (const prepare of [true, false])
    test(`services that share few connections never see each other's tables${prepare ? '' : ', unprepared'}`, async (t) => {
      const ground = freshPostgres({ connections: 4, prepare });
      const stores = await openAll(t, ground);
      const wrong: string[] = [];
      const names = Object.keys(deeds);
      const one = async (index: number): Promise<void> => {
        const service = services[index % services.length] as Service;
        const name = names[index % names.length] as string;
        const found = await deeds[name]?.(stores[service]);
        if (found !== service) wrong.push(`${service}, ${name}: ${found}`);
      };
      for (let from = 0; from < 300; from += 30) await Promise.all(Array.from({ length: 30 }, (_, index) => one(from + index)));
      assert.deepEqual(wrong, []);
    });

  test('a connection is lent to the next service only once it is known which tables it sees', async (t) => {
    const proxy = await startProxy();
    t.after(() => proxy.close());
    const ground = freshPostgres({ url: proxy.url, connections: 4 });
    const stores = await openAll(t, ground);
    // They queue for the one connection of the lane for reads, and take turns on it.
    const turns = Array.from({ length: 20 }, () => ['orders', 'payments'] as const).flat();
    assert.deepEqual(await Promise.all(turns.map((service) => who(stores[service].read))), turns);
  });

  test('the first read of a connection may be refused, and those after it see the tables of their service', async (t) => {
    const ground = freshPostgres({ connections: 4 });
    const stores = await openAll(t, ground);
    for (const service of services) {
      // Whatever the connection saw last.
      await assert.rejects(stores[service].read.all('select nothing from who'), StatementFailed);
      assert.equal(await who(stores[service].read), service);
    }
  });

  test('names of schemas may be as long as the server allows', async (t) => {
    const long = (service: string): string => `sw_test_${process.pid}_${service}`.padEnd(63, '_');
    const driver = postgres({ url: postgresUrl, connections: 4, schema: long, searchPath: ['public', 'pg_catalog'] });
    const end = async (): Promise<void> =>
      void (await administer(...services.map((name) => `drop schema if exists "${long(name)}" cascade`)));
    const stores = await openAll(t, { driver, end });
    for (const service of services) {
      assert.equal(await who(stores[service].read), service);
      assert.deepEqual(await stores[service].read.all('select count(*) as n from who'), [{ n: 1 }]);
      assert.deepEqual(await stores[service].read.all('select count(*) + 1 as n from who'), [{ n: 2 }]);
    }
  });

  test("a pool of the user's own keeps its search path, and stays open", async (t) => {
    const schema = `sw_test_${process.pid}_mine`;
    const options = { connectionString: postgresUrl, max: 4, pipeline: true, options: '-c search_path=pg_catalog' };
    const pool = new pg.Pool(options as pg.PoolConfig);
    const store = await postgres({ pool: pool as never, schema: () => schema }).open('orders', runtime());
    t.after(async () => {
      await store.close();
      await pool.end();
      await administer(`drop schema if exists "${schema}" cascade`);
    });
    await store.migrate([{ name: 'orders/1', statements: ['create table who (name text)'] }]);
    const paths = async (): Promise<readonly string[]> => {
      const clients = await Promise.all([1, 2, 3].map(() => pool.connect()));
      const all = await Promise.all(clients.map((client) => client.query('show search_path')));
      for (const client of clients) client.release();
      return all.map(({ rows }) => rows[0].search_path);
    };
    await store.transaction((tx) => tx.run('insert into who values (?)', 'a'));
    const work = store.transaction(async (tx) => {
      await tx.run('insert into who values (?)', 'b');
      throw new Error('back');
    });
    await assert.rejects(work, /back/);
    assert.equal(await who(store.read), 'a');
    assert.deepEqual(await paths(), ['pg_catalog', 'pg_catalog', 'pg_catalog']);
    await store.close();
    assert.deepEqual(await paths(), ['pg_catalog', 'pg_catalog', 'pg_catalog']);
  });
});
