import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { macrotask } from '../../core/event-loop.ts';
import type { Store, Tx } from '../store.ts';
import { administer, freshPostgres, itemsOf, openBank, postgresMissing } from './postgres.fixture.ts';
import { startProxy } from './postgres-proxy.fixture.ts';

let marks = 0;

/** Waits until the server runs so many statements that have a mark in their text. */
async function running(mark: string, count: number): Promise<void> {
  const question = `select count(*)::int as n from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${mark}%'`;
  while ((await administer(question))[0]?.['n'] !== count);
}

const reason = new Error('left');

function aborting(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(reason) };
}

describe('postgres: a signal that aborts', { skip: postgresMissing ?? false }, () => {
  /** Ways to keep a statement in the server, each with a mark in its text. */
  const statements: Readonly<Record<string, (store: Store, mark: string, signal: AbortSignal) => Promise<unknown>>> = {
    'a statement of a transaction': (store, mark, signal) =>
      store.transaction((tx) => tx.all(`select pg_sleep(60) as ${mark}`), { signal }),
    'a statement among others': (store, mark, signal) =>
      store.transaction(
        async (tx) => {
          await tx.run('insert into item values (?)', mark);
          await Promise.all([tx.all(`select pg_sleep(60) as ${mark}`), tx.run('insert into item values (?)', `${mark} late`)]);
        },
        { signal },
      ),
    'a statement in a savepoint': (store, mark, signal) =>
      store.transaction((tx) => tx.savepoint(() => tx.all(`select pg_sleep(60) as ${mark}`)), { signal }),
    'a statement in a lane of its own': (store, mark, signal) =>
      store.transaction((tx) => tx.all(`select pg_sleep(60) as ${mark}`), { signal, lane: 'own' }),
    'a read': (store, mark, signal) => store.read.withSignal(signal).all(`select pg_sleep(60) as ${mark}`),
  };
  for (const [what, give] of Object.entries(statements))
    test(`${what} ends in the server, and those after it have its connection`, async (t) => {
      const store = await openBank(t, freshPostgres({ connections: 4 }));
      const mark = `m${process.pid}_${marks++}`;
      const { signal, abort } = aborting();
      const work = give(store, mark, signal);
      await running(mark, 1);
      abort();
      await assert.rejects(work, reason);
      await running(mark, 0);
      const insert = (tx: Tx): Promise<unknown> => tx.run('insert into item values (?)', 'after');
      await store.transaction(insert);
      await store.transaction((tx) => tx.run('delete from item'), { lane: 'own' });
      await store.transaction(insert);
      assert.deepEqual(await itemsOf(store), ['after']);
    });

  test('whoever waits for a lock gives it up in the server', async (t) => {
    const store = await openBank(t, freshPostgres());
    await store.transaction((tx) => tx.run('insert into item values (?)', 'a'));
    const mark = `m${process.pid}_${marks++}`;
    const { signal, abort } = aborting();
    const lock = `select name as ${mark} from item for update`;
    await store.transaction(async (tx) => {
      await tx.all(lock);
      const waiting = store.transaction((inner) => inner.all(lock), { signal });
      await running(mark, 1);
      abort();
      await assert.rejects(waiting, reason);
      await running(mark, 0);
    });
    await store.transaction((tx) => tx.all(lock));
  });

  test('whoever waits for a connection leaves at once, never begins, and takes none from those behind', async (t) => {
    const store = await openBank(t, freshPostgres({ connections: 4 }));
    const gate = Promise.withResolvers<void>();
    const { signal, abort } = aborting();
    let begun = 0;
    const work = async (): Promise<void> => void begun++;
    const holding = store.transaction(() => gate.promise);
    await macrotask();
    const waiting = store.transaction(work, { signal });
    const behind = store.transaction((tx) => tx.run('insert into item values (?)', 'behind'));
    await macrotask();
    abort();
    await assert.rejects(waiting, reason);
    gate.resolve();
    await Promise.all([holding, behind]);
    assert.equal(begun, 0);
    assert.deepEqual(await itemsOf(store), ['behind']);
  });

  test('whoever waits for a connection that is being made leaves at once, also for a read', async (t) => {
    const proxy = await startProxy();
    t.after(() => proxy.close());
    const store = await openBank(t, freshPostgres({ url: proxy.url }));
    const gate = Promise.withResolvers<void>();
    const begun: string[] = [];
    const hold = async (name: string): Promise<void> => {
      await store.transaction(async (tx) => {
        await tx.run('insert into item values (?)', name);
        begun.push(name);
        await gate.promise;
      });
    };
    // Every connection that there is, is in use: one listens.
    const holding = ['a', 'b', 'c'].map(hold);
    while (begun.length < 3 || !store.hears()) await macrotask();
    proxy.toClient = () => 'lose';
    const { signal, abort } = aborting();
    const { connections } = proxy;
    const waits = Promise.allSettled([
      store.transaction(async () => void begun.push('shared'), { signal }),
      store.transaction(async () => void begun.push('own'), { signal, lane: 'own' }),
      store.read.withSignal(signal).all('select 1'),
    ]);
    while (proxy.connections < connections + 3) await macrotask();
    const { open } = proxy;
    abort();
    assert.deepEqual(
      (await waits).map((one) => one.status === 'rejected' && one.reason),
      [reason, reason, reason],
    );
    assert.equal(proxy.open, open);
    assert.deepEqual(begun.toSorted(), ['a', 'b', 'c']);
    proxy.toClient = () => 'pass';
    gate.resolve();
    await Promise.all(holding);
    await proxy.close();
  });
});
