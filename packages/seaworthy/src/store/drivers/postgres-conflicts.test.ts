import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { macrotask } from '../../core/event-loop.ts';
import { runtime } from '../../core/runtime.ts';
import { TransactionNested } from '../errors.ts';
import type { Store, Tx } from '../store.ts';
import { administer, freshPostgres, itemsOf, openBank, postgresMissing, postgresUrl } from './postgres.fixture.ts';

/** An address by which the server tells the connections of a test from others. */
const named = (name: string): string => `${postgresUrl}?application_name=${name}`;

const countersAt = (store: Store, ...names: string[]): Promise<void> =>
  store.migrate([
    {
      name: 'bank/2',
      statements: [
        'create table counter (name text primary key, n bigint not null)',
        ...names.map((name) => `insert into counter values ('${name}', 0)`),
      ],
    },
  ]);

const add = (tx: Tx, name: string): Promise<unknown> => tx.run('update counter set n = n + 1 where name = ?', name);
const countOf = async (store: Pick<Store['read'], 'all'>, name: string): Promise<unknown> =>
  (await store.all('select n from counter where name = ?', name))[0]?.['n'];

/** A signal for others to go on. */
function meeting(members: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let missing = members;
  return () => {
    if (--missing === 0) resolve();
    return promise;
  };
}

describe('postgres: transactions that meet others', { skip: postgresMissing ?? false }, () => {
  test('while all connections are terminated again and again under load, every transaction commits once', async (t) => {
    const name = `sw_terminated_${process.pid}`;
    const store = await openBank(t, freshPostgres({ url: named(name) }));
    await countersAt(store, 'all');
    await store.migrate([{ name: 'bank/3', statements: ['create table entry (name text)'] }]);
    let [next, done, runs] = [0, 0, 0];
    const one = async (): Promise<void> => {
      for (let index = next++; index < 200; index = next++) {
        await store.transaction(
          async (tx) => {
            runs++;
            await tx.run('insert into entry values (?)', `entry ${index}`);
            await tx.run('insert into item values (?)', `item ${index}`);
          },
          { isolation: 'read committed' },
        );
        done++;
      }
    };
    const terminate = async (): Promise<void> => {
      for (let from = 0; done < 200; from += 40) {
        while (done < from) await macrotask();
        await administer(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name}'`);
      }
    };
    await Promise.all([terminate(), ...Array.from({ length: 16 }, one)]);
    assert.ok(runs > 200);
    const expected = Array.from({ length: 200 }, (_, index) => `item ${index}`).toSorted();
    assert.deepEqual(await itemsOf(store), expected);
    assert.equal((await store.read.all('select name from entry')).length, 200);
    assert.equal(store.condition().state, 'well');
  });

  test('of two transactions that wait for each other one runs again, and both commit', async (t) => {
    const store = await openBank(t, freshPostgres());
    await countersAt(store, 'a', 'b');
    const both = meeting(2);
    let runs = 0;
    const move = (from: string, to: string): Promise<unknown> =>
      store.transaction(
        async (tx) => {
          runs++;
          await tx.run("set local deadlock_timeout to '10ms'");
          await add(tx, from);
          await both();
          await add(tx, to);
        },
        { isolation: 'read committed' },
      );
    await Promise.all([move('a', 'b'), move('b', 'a')]);
    assert.equal(runs, 3);
    assert.deepEqual([await countOf(store.read, 'a'), await countOf(store.read, 'b')], [2, 2]);
  });

  test('a transaction whose row another one has changed meanwhile runs again, and reads the new value', async (t) => {
    for (const isolation of ['serializable', 'repeatable read'] as const) {
      const ground = freshPostgres();
      const store = await openBank(t, ground);
      await countersAt(store, 'a');
      const seen: unknown[] = [];
      await store.transaction(
        async (tx) => {
          seen.push(await countOf(tx, 'a'));
          if (seen.length === 1) await administer(`update ${ground.schema('bank')}.counter set n = 10`);
          await add(tx, 'a');
        },
        { isolation },
      );
      assert.deepEqual(seen, [0, 10]);
      assert.equal(await countOf(store.read, 'a'), 11);
    }
  });

  test('a long transaction among short ones that change what it changes commits after a few runs', async (t) => {
    const store = await openBank(t, freshPostgres());
    await countersAt(store, 'a');
    let [over, working, commits, runs] = [false, 0, 0, 0];
    const short = async (): Promise<void> => {
      while (!over) {
        await store.transaction(
          async (tx) => {
            working++;
            await add(tx, 'a').finally(() => working--);
          },
          { isolation: 'read committed' },
        );
        commits++;
      }
    };
    const shorts = Array.from({ length: 4 }, short);
    await store.transaction(async (tx) => {
      runs++;
      await countOf(tx, 'a');
      // Until one that began after it has committed before it; alone it need not wait.
      for (const enough = commits + shorts.length + 1; commits < enough && (working > 0 || runs <= 4); ) await macrotask();
      await add(tx, 'a');
    });
    over = true;
    await Promise.all(shorts);
    assert.equal(runs, 5);
    assert.equal(await countOf(store.read, 'a'), commits + 1);
  });

  test('one that runs alone may begin another one inside', async (t) => {
    const ground = freshPostgres();
    const store = await openBank(t, ground);
    await countersAt(store, 'a');
    let runs = 0;
    await store.transaction(async (tx) => {
      await countOf(tx, 'a');
      if (++runs < 6) await administer(`update ${ground.schema('bank')}.counter set n = n + 1`);
      if (runs > 4) await store.transaction((inner) => inner.run('insert into item values (?)', `run ${runs}`));
      await add(tx, 'a');
    });
    assert.equal(runs, 6);
    assert.deepEqual(await itemsOf(store), ['run 5', 'run 6']);
  });

  test('a transaction that is begun inside another one while all connections are in use is refused by name', async (t) => {
    const ground = freshPostgres({ connections: 4 });
    const store = await openBank(t, ground);
    const other = await ground.driver.open('other', runtime());
    t.after(() => other.close());
    await other.migrate([]);
    const nothing = async (): Promise<void> => {};
    const refused = (work: Promise<unknown>): Promise<void> => assert.rejects(work, TransactionNested);
    await store.transaction(async (tx) => {
      await tx.run('insert into item values (?)', 'outer');
      await refused(store.transaction(nothing));
      // The services share the connections.
      await refused(other.transaction(nothing));
      // In another lane there is one left; in that one's lane there is none, and in the first one's neither.
      await store.transaction(
        async () => {
          await refused(store.transaction(nothing, { lane: 'own' }));
          await refused(store.transaction(nothing));
        },
        { lane: 'own' },
      );
      assert.deepEqual(await store.read.all('select 1 as one'), [{ one: 1 }]);
    });
    // What the work has left behind is not inside any more.
    const late = Promise.withResolvers<void>();
    let after: Promise<unknown> | undefined;
    await store.transaction(async () => {
      after = late.promise.then(() => store.transaction((tx) => tx.run('insert into item values (?)', 'late')));
    });
    const holding = store.transaction(() => late.promise);
    await macrotask();
    late.resolve();
    await Promise.all([after, holding]);
    assert.deepEqual(await itemsOf(store), ['late', 'outer']);
  });
});
