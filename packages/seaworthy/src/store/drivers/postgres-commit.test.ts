import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { CommitUnknown } from '../errors.ts';
import type { Tx } from '../store.ts';
import { freshPostgres, hasty, itemsOf, openBank, postgresMissing } from './postgres.fixture.ts';
import { type Fate, type Message, type PostgresProxy, startProxy } from './postgres-proxy.fixture.ts';

const commits = ({ kind, text }: Message): boolean => kind === 'Q' && text === 'commit\0';
const committed = ({ kind, text }: Message): boolean => kind === 'C' && text === 'COMMIT\0';
const inserted = ({ kind, text }: Message): boolean => kind === 'C' && text.startsWith('INSERT');
const begins = ({ kind, text }: Message): boolean => kind === 'Q' && text.startsWith('begin');
const begun = ({ kind, text }: Message): boolean => kind === 'C' && text === 'BEGIN\0';

/** Applies a fate to the first message that matches, and says whether there was one. */
function once(matches: (message: Message) => boolean, fate: Fate, then = (): void => {}): { (message: Message): Fate; met: boolean } {
  const decide = (message: Message): Fate => {
    if (decide.met || !matches(message)) return 'pass';
    decide.met = true;
    then();
    return fate;
  };
  decide.met = false;
  return decide;
}

async function proxyFor(t: TestContext): Promise<PostgresProxy> {
  const proxy = await startProxy();
  t.after(() => proxy.close());
  return proxy;
}

/** Inserts an item, and counts how often it has to. */
function inserting(name: string): { readonly work: (tx: Tx) => Promise<void>; readonly runs: () => number } {
  let runs = 0;
  return {
    runs: () => runs,
    work: async (tx) => {
      runs++;
      await tx.run('insert into item values (?)', name);
    },
  };
}

describe('postgres: a connection that is lost during a transaction', { skip: postgresMissing ?? false }, () => {
  test('a commit that the server has made, and whose answer is lost, is found: the work runs once', async (t) => {
    const proxy = await proxyFor(t);
    const store = await openBank(t, freshPostgres({ url: proxy.url }));
    const cut = once(committed, 'cut');
    proxy.toClient = cut;
    const { work, runs } = inserting('a');
    await store.transaction(work);
    assert.equal(cut.met, true);
    assert.equal(runs(), 1);
    assert.deepEqual(await itemsOf(store), ['a']);
  });

  test('a commit that has not come to the server is found missing: the work runs again', async (t) => {
    const proxy = await proxyFor(t);
    const store = await openBank(t, freshPostgres({ url: proxy.url }));
    const cut = once(commits, 'cut');
    proxy.toServer = cut;
    const { work, runs } = inserting('a');
    await store.transaction(work);
    assert.equal(cut.met, true);
    assert.equal(runs(), 2);
    assert.deepEqual(await itemsOf(store), ['a']);
  });

  test('work whose connection is lost before the commit runs again', async (t) => {
    const proxy = await proxyFor(t);
    const store = await openBank(t, freshPostgres({ url: proxy.url }));
    const cut = once(inserted, 'cut');
    proxy.toClient = cut;
    const { work, runs } = inserting('a');
    await store.transaction(work);
    assert.equal(cut.met, true);
    assert.equal(runs(), 2);
    assert.deepEqual(await itemsOf(store), ['a']);
  });

  test('when nobody can be asked afterwards, the outcome of the commit is unknown; the store works again once somebody answers', async (t) => {
    const proxy = await proxyFor(t);
    const store = await openBank(t, freshPostgres({ url: proxy.url }), hasty());
    proxy.toClient = once(committed, 'cut', () => {
      proxy.refuses = true;
      proxy.cut();
    });
    const { work, runs } = inserting('a');
    await assert.rejects(
      store.transaction(work),
      (error: unknown) => error instanceof CommitUnknown && /cannot be asked/.test(error.message),
    );
    assert.equal(runs(), 1);
    assert.equal(store.condition().state, 'failing');
    proxy.refuses = false;
    assert.deepEqual(await itemsOf(store), ['a']);
    assert.equal(store.condition().state, 'well');
  });

  test('when the server has not told which transaction it was, the outcome is unknown', async (t) => {
    const proxy = await proxyFor(t);
    const store = await openBank(t, freshPostgres({ url: proxy.url }));
    proxy.toClient = (message) => (committed(message) ? 'cut' : begun(message) ? 'lose' : 'pass');
    // All of it is one exchange.
    const work = store.transaction(async (tx) => tx.runAtCommit('insert into item values (?)', 'a'));
    await assert.rejects(work, (error: unknown) => error instanceof CommitUnknown && /which transaction/.test(error.message));
    proxy.toClient = () => 'pass';
    assert.deepEqual(await itemsOf(store), ['a']);
  });

  test('a transaction that is aborted while its commit is lost rejects with the reason, and nothing of it is left', async (t) => {
    const proxy = await proxyFor(t);
    const store = await openBank(t, freshPostgres({ url: proxy.url }));
    const controller = new AbortController();
    const reason = new Error('left');
    proxy.toServer = once(commits, 'cut', () => controller.abort(reason));
    await assert.rejects(store.transaction(inserting('a').work, { signal: controller.signal }), reason);
    assert.deepEqual(await itemsOf(store), []);
  });

  test('a statement that was sent with a transaction which the server has not begun is not taken for a part of it', async (t) => {
    const proxy = await proxyFor(t);
    const store = await openBank(t, freshPostgres({ url: proxy.url }));
    const both = [
      inserting('a').work,
      async (tx: Tx): Promise<void> => {
        tx.runAtCommit('insert into item values (?)', 'b');
      },
    ];
    for (const work of both) {
      // From now on the connection finds the table also outside of a transaction.
      await store.transaction((tx) => tx.all('select 1'));
      // As when the server cancels it at this moment.
      proxy.toServer = once(begins, { instead: 'select 1 / 0' });
      await assert.rejects(
        store.transaction(work),
        (error: unknown) => error instanceof CommitUnknown && /did not begin a transaction \(22012\)/.test(error.message),
      );
    }
    assert.deepEqual(await itemsOf(store), ['a', 'b']);
  });

  test('whoever asks what became of a commit does not wait for the connections of others', async (t) => {
    const proxy = await proxyFor(t);
    const store = await openBank(t, freshPostgres({ url: proxy.url, connections: 4 }));
    // One connection listens, and the other lanes are in use until it is over.
    const over = new AbortController();
    const holding = Promise.withResolvers<void>();
    const own = store.transaction(
      async (tx) => {
        await tx.all('select 1');
        holding.resolve();
        await new Promise(() => {});
      },
      { lane: 'own', signal: over.signal },
    );
    const reading = store.read.withSignal(over.signal).all('select pg_sleep(60)');
    const others = Promise.allSettled([own, reading]);
    await holding.promise;
    while (proxy.connections < 3) await new Promise((resolve) => setImmediate(resolve));
    proxy.toClient = once(committed, 'cut');
    const { work, runs } = inserting('a');
    await store.transaction(work);
    assert.equal(runs(), 1);
    over.abort(new Error('over'));
    await others;
    assert.deepEqual(await itemsOf(store), ['a']);
  });
});
