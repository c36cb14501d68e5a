import assert from 'node:assert/strict';
import { macrotask } from '../core/event-loop.ts';
import { CommitUnknown } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { eachStore } from './each-store.fixture.ts';
import type { Instance } from './instance.ts';
import { journalWriter, type Transition } from './journal-writer.ts';
import { sagaOf } from './list.ts';
import { insertSaga } from './saga-store.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const instanceOf = (id: string): Instance => ({
  ...{
    id,
    key: id,
    name: 'trip',
    plan: 'remote pay',
    owner: 'me',
    input: {},
    state: 'running',
    journal: [],
    attempts: 0,
    version: 0,
    crashes: 0,
  },
  ...{ started: 1, changed: 1, due: 1, cause: undefined, stopping: undefined, error: undefined },
});
const transitionOf = (seen: Instance, result: unknown): Transition => ({
  seen,
  after: { ...seen, state: 'done', journal: [{ step: 'pay', state: 'done', result }], changed: 2 },
});
async function inserted(store: Store, ...ids: readonly string[]): Promise<readonly Instance[]> {
  const all = ids.map(instanceOf);
  await store.transaction(async (tx) => {
    for (const one of all) await insertSaga(tx, one);
  });
  return all;
}

named(
  'transitions that are requested together share a transaction; those that come while it runs share the next one',
  async ({ store }) => {
    const all = await inserted(store, ...'abcdefghijklmnopqrst');
    let transactions = 0;
    const late: Promise<unknown>[] = [];
    const watched: Store = {
      ...store,
      transaction(work, options) {
        transactions++;
        return store.transaction(async (tx) => {
          const value = await work(tx);
          if (late.length === 0) late.push(...all.slice(10).map((one) => writer.write(transitionOf(one, 1))));
          return value;
        }, options);
      },
    };
    const writer = journalWriter(watched as never);
    await Promise.all(all.slice(0, 10).map((one) => writer.write(transitionOf(one, 1))));
    await Promise.all(late);
    for (const { id } of all) assert.equal((await sagaOf(store.read, id))?.state, 'done');
    // A store may begin with the first at once.
    assert.ok(transactions <= 3, `${transactions} transactions`);
  },
);

type Transaction = Store['transaction'];
/** A view of `store` on which a transaction has its turn a while after it is asked for; what the first comes to `ends` decides. */
function busy(store: Store, ends: Transaction = store.transaction): Store & { readonly begun: () => number } {
  let begun = 0;
  return {
    ...store,
    begun: () => begun,
    async transaction(work, options) {
      const first = begun++ === 0;
      await macrotask();
      return (first ? ends : store.transaction)(work, options);
    },
  };
}

named('transitions that come before their transaction has its turn are part of it, and each gets its own outcome', async ({ store }) => {
  const all = await inserted(store, 'a', 'b', 'c');
  const view = busy(store);
  const writer = journalWriter(view as never);
  const written = await Promise.all(all.map((one) => writer.write(transitionOf(one, one.id))));
  assert.deepEqual(
    written.map((one) => [one?.id, one?.journal[0]?.result]),
    ['a', 'b', 'c'].map((id) => [id, id]),
  );
  assert.equal(view.begun(), 1);
});

for (const [what, committed] of [
  ['failed are written all the same', false],
  ['was not reported are refused, and not written twice', true],
] as const) {
  named(`transitions whose shared commit ${what}`, async ({ store }) => {
    const all = await inserted(store, 'a', 'b', 'c');
    const unheard: Transaction = async (work, options) => {
      if (committed) await store.transaction(work, options);
      throw new CommitUnknown('as the test says');
    };
    const writer = journalWriter(busy(store, unheard) as never);
    const written = await Promise.all(all.map((one) => writer.write(transitionOf(one, 1))));
    assert.deepEqual(
      written.map((one) => one?.version),
      new Array(3).fill(committed ? undefined : 1),
    );
    for (const { id } of all) {
      const row = await sagaOf(store.read, id);
      assert.deepEqual([row?.state, row?.version], ['done', 1]);
    }
  });
}

named('a transition that is alone in an unreported commit rejects with `CommitUnknown`', async ({ store }) => {
  const [a] = (await inserted(store, 'a')) as [Instance];
  const unheard: Transaction = () => Promise.reject(new CommitUnknown('as the test says'));
  const writer = journalWriter(busy(store, unheard) as never);
  await assert.rejects(writer.write(transitionOf(a, 1)), CommitUnknown);
  // And the next one is written.
  assert.equal((await writer.write(transitionOf(a, 2)))?.version, 1);
});

named('a transition that fails, or is refused, does not affect those beside it', async ({ store }) => {
  const [a, b, c, d] = (await inserted(store, 'a', 'b', 'c', 'd')) as [Instance, Instance, Instance, Instance];
  const writer = journalWriter(store as never);
  const [good, bad, stale, other] = await Promise.allSettled([
    writer.write(transitionOf(a, 1)),
    writer.write(transitionOf(b, 5n)),
    writer.write(transitionOf({ ...c, version: 7 }, 1)),
    writer.write(transitionOf(d, 1)),
  ]);
  assert.equal(good.status === 'fulfilled' && good.value?.state, 'done');
  assert.match(String(bad.status === 'rejected' && bad.reason), /BigInt/);
  assert.deepEqual(stale, { status: 'fulfilled', value: undefined });
  assert.equal(other.status === 'fulfilled' && other.value?.version, 1);
  const states = await Promise.all(['a', 'b', 'c', 'd'].map(async (id) => (await sagaOf(store.read, id))?.state));
  assert.deepEqual(states, ['done', 'running', 'running', 'done']);
});

named('each transition rejects once the store is closed', async ({ store }) => {
  const [a, b] = (await inserted(store, 'a', 'b')) as [Instance, Instance];
  const writer = journalWriter(store as never);
  await store.close();
  for (const outcome of await Promise.allSettled([writer.write(transitionOf(a, 1)), writer.write(transitionOf(b, 1))]))
    assert.match(String(outcome.status === 'rejected' && outcome.reason), /closed/);
});
