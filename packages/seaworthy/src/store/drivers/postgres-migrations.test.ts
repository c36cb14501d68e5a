import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { macrotask } from '../../core/event-loop.ts';
import { runtime } from '../../core/runtime.ts';
import { MigrationFailed, StatementFailed } from '../errors.ts';
import { claimStore } from '../owner.ts';
import type { Migration, Store } from '../store.ts';
import { worker, workerMigrations } from '../worker.ts';
import { administer, freshPostgres, itemsOf, openBank, postgresMissing, postgresUrl } from './postgres.fixture.ts';
import { postgres } from './postgres.ts';

/** Opens a store as another process would. It is closed after the test. */
async function openBeside(t: TestContext, schema: string, url = postgresUrl): Promise<Store> {
  const store = await postgres({ url, connections: 4, schema: () => schema }).open('bank', runtime());
  t.after(() => store.close());
  return store;
}

const asRole = (role: string): string => {
  const url = new URL(postgresUrl);
  url.username = role;
  return url.href;
};

const column = (n: number): Migration => ({
  name: `bank/${n}`,
  statements: [`alter table item add column c${n} bigint not null default ${n}`, `create index item_c${n} on item (c${n})`],
});

describe('postgres: tables that change', { skip: postgresMissing ?? false }, () => {
  test('statements that were prepared before another process adds a column go on, on every connection', async (t) => {
    const ground = freshPostgres();
    const store = await openBank(t, ground);
    const all = 'select * from item';
    await store.transaction((tx) => tx.run('insert into item values (?)', 'a'));
    const runs = { tx: 0, savepoint: 0 };
    const ways: readonly (() => Promise<unknown>)[] = [
      () => store.read.all(all),
      () => store.transaction((tx) => tx.all(all), { lane: 'own' }),
      () =>
        store.transaction(async (tx) => {
          runs.tx++;
          await tx.all('select 1 as one');
          return tx.all(all);
        }),
      () =>
        store.transaction(async (tx) => {
          runs.savepoint++;
          return tx.savepoint(() => tx.all(all));
        }),
    ];
    const everywhere = (): Promise<readonly unknown[]> => Promise.all([...ways, ...ways, ...ways].map((way) => way()));
    await everywhere();
    for (const [n, expected] of [
      [2, { name: 'a', c2: 2 }],
      [3, { name: 'a', c2: 2, c3: 3 }],
    ] as const) {
      const before = { ...runs };
      await administer(`alter table ${ground.schema('bank')}.item add column c${n} bigint not null default ${n}`);
      for (const rows of await everywhere()) assert.deepEqual(rows, [expected]);
      // Some met the change, and none of them twice.
      const more = runs.tx + runs.savepoint - before.tx - before.savepoint;
      assert.ok(more > 6 && more <= 12, `${more} runs`);
    }
  });

  test('a migration of another process goes through beside transactions, and none of them fails', async (t) => {
    const ground = freshPostgres();
    const store = await openBank(t, ground);
    const other = await openBeside(t, ground.schema('bank'));
    let [over, commits] = [false, 0];
    const busy = Array.from({ length: 4 }, async (_, who) => {
      for (let n = 0; !over; n++) {
        const name = `${who}/${n}`;
        await store.transaction(async (tx) => {
          await tx.run('insert into item (name) values (?)', name);
          await tx.all('select * from item where name = ?', name);
        });
        assert.equal((await store.read.all('select * from item where name = ?', name)).length, 1);
        commits++;
      }
    });
    for (const n of [2, 3, 4]) {
      const enough = commits + 8;
      while (commits < enough) await macrotask();
      await other.migrate([column(n)]);
    }
    over = true;
    await Promise.all(busy);
    assert.equal((await itemsOf(store)).length, commits);
    assert.deepEqual(Object.keys((await store.read.all('select * from item limit 1'))[0] ?? {}), ['name', 'c2', 'c3', 'c4']);
  });

  test('processes that start together make the schema and apply each migration once', async (t) => {
    const { schema, end } = freshPostgres();
    const name = schema('together');
    const counted: Migration = {
      name: 'bank/2',
      statements: ['create table once (n integer)', 'insert into once values (1)'],
    };
    const stores: Store[] = [];
    for (let process = 0; process < 4; process++) stores.push(await openBeside(t, name));
    t.after(end);
    await Promise.all(stores.map((store) => store.migrate([counted])));
    assert.deepEqual(await stores[0]?.read.all('select n from once'), [{ n: 1 }]);
  });

  test('a role that owns its schema needs no other rights; one that only reads and writes rows works once the migrations are applied', async (t) => {
    const [owner, user, schema] = ['owner', 'user', 'least'].map((name) => `sw_test_${process.pid}_${name}`) as [string, string, string];
    t.after(() => administer(`drop schema if exists "${schema}" cascade`, `drop role "${user}"`, `drop role "${owner}"`));
    await administer(`create role "${owner}" login`, `create role "${user}" login`);
    // Nobody has made the schema for it.
    const early = await openBeside(t, schema, asRole(owner));
    const hasAdvice = (error: unknown): boolean => error instanceof MigrationFailed && /authorization/.test(error.message);
    await assert.rejects(early.migrate([]), hasAdvice);
    await administer(
      `create schema "${schema}" authorization "${owner}"`,
      `grant usage on schema "${schema}" to "${user}"`,
      `alter default privileges for role "${owner}" in schema "${schema}" grant select, insert, update, delete on tables to "${user}"`,
    );
    const item: Migration = {
      name: 'bank/1',
      statements: ({ types }) => [
        `create table item (n ${types.identity}, name text)`,
        `create index item_json on item (sw_is_json(name))`,
      ],
    };
    await claimStore(early, { kind: 'service', name: 'bank' });
    await early.migrate([...workerMigrations, item]);
    const store = await openBeside(t, schema, asRole(user));
    await claimStore(store, { kind: 'service', name: 'bank' });
    await store.migrate([...workerMigrations, item]);
    const beating = await worker(store, runtime());
    await store.transaction((tx) => tx.run('insert into item (name) values (?)', 'a'));
    assert.deepEqual(await itemsOf(store), ['a']);
    await beating.close();
    // It may not change tables.
    await assert.rejects(store.migrate([item, column(2)]), MigrationFailed);
    await assert.rejects(
      store.transaction((tx) => tx.run('drop table item')),
      StatementFailed,
    );
  });
});
