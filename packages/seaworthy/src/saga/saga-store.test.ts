import assert from 'node:assert/strict';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { eachStore } from './each-store.fixture.ts';
import type { Instance, SagaState } from './instance.ts';
import { sagaOf } from './list.ts';
import { forgetEnded, insertSaga, markStopping, writeTransition } from './saga-store.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const plan = 'remote pay';
const fresh: Instance = {
  ...{ id: 'a', key: 'a', name: 'trip', plan, owner: 'me', input: {}, state: 'running', journal: [], attempts: 0, version: 0, crashes: 0 },
  ...{
    started: 1,
    changed: 1,
    due: 1,
    cause: undefined,
    stopping: undefined,
    error: undefined,
    deadlineMs: undefined,
    until: undefined,
    trace: undefined,
  },
};
/** A transition at 5. */
type Change = Partial<Instance>;
const after = (instance: Instance, change: Change): Instance => ({ ...instance, ...change, changed: 5 });
const intended: Change = { state: 'running', journal: [{ step: 'pay', state: 'intended' }] };
/** From step to step only the journal changes, which has a statement of its own. */
const changes: readonly (readonly [string, Change])[] = [
  ['to its next step', intended],
  ['to another run', { ...intended, attempts: 1, due: 9, error: 'lost' }],
  ['to its end', { state: 'done', journal: [] }],
  ['back', { state: 'undoing', journal: [] }],
  ['to a verdict', { state: 'stuck', journal: [] }],
];

for (const [where, change] of changes) {
  named(`G7: a transition ${where} is written once, by its owner, and only from the instance as it is`, async ({ store }) => {
    const other: Instance = { ...fresh, id: 'b', key: 'b' };
    await store.transaction(async (tx) => {
      await insertSaga(tx, fresh);
      await insertSaga(tx, other);
    });
    const write = (instance: Instance): ReturnType<typeof writeTransition> =>
      store.transaction((tx) => writeTransition(tx, instance, after(instance, change)));
    const before = await sagaOf(store.read, 'a');
    assert.equal(await write({ ...fresh, owner: 'another' }), undefined);
    assert.equal(await write({ ...fresh, version: 1 }), undefined);
    assert.deepEqual(await sagaOf(store.read, 'a'), before);
    const written = await write(fresh);
    assert.deepEqual(await sagaOf(store.read, 'a'), written);
    assert.deepEqual([written?.state, written?.version, written?.changed], [change.state, 1, 5]);
    assert.equal(await write(fresh), undefined, 'who did not hear of it does not write it again');
    assert.deepEqual(await sagaOf(store.read, 'b'), other);
  });

  const forward = change.state === 'running' || change.state === 'done';
  named(`stop: a transition ${where} is ${forward ? 'barred' : 'written'} once somebody has stopped the instance`, async ({ store }) => {
    await store.transaction(async (tx) => {
      await insertSaga(tx, fresh);
      assert.deepEqual(await markStopping(tx, 'trip', 'a', { kind: 'stopped', reason: 'enough' }), { id: 'a', owner: fresh.owner });
    });
    const written = await store.transaction((tx) => writeTransition(tx, fresh, after(fresh, change)));
    assert.equal(written?.state, forward ? undefined : change.state);
    const { state, stopping } = (await sagaOf(store.read, 'a')) as Instance;
    assert.deepEqual([state, stopping], [forward ? 'running' : change.state, { kind: 'stopped', reason: 'enough' }]);
  });
}

named('stop: only a running saga is marked, and with the first reason', async ({ store }) => {
  const states: readonly SagaState[] = ['running', 'undoing', 'stuck', 'done', 'undone'];
  await store.transaction(async (tx) => {
    for (const state of states) await insertSaga(tx, { ...fresh, id: state, key: state, state });
  });
  for (const reason of ['first', 'second'])
    for (const key of states) await store.transaction((tx) => markStopping(tx, 'trip', key, { kind: 'stopped', reason }));
  const marked = await store.read.all('select id, stopping from sw_saga where stopping is not null');
  assert.deepEqual(
    marked.map((row) => ({ ...row })),
    [{ id: 'running', stopping: JSON.stringify({ kind: 'stopped', reason: 'first' }) }],
  );
});

named('a saga that began long ago and ended lately is not removed yet', async ({ store, clock, runtime }) => {
  const begun = clock.now();
  const id = runtime.ids.next();
  await clock.advance(1000);
  await store.transaction((tx) => insertSaga(tx, { ...fresh, id, state: 'done', changed: clock.now() }));
  await clock.advance(1000);
  const forget = (before: number): Promise<number> => store.transaction((tx) => forgetEnded(tx, before, 10));
  assert.equal(await forget(begun + 1000), 0);
  assert.equal(await forget(begun + 1001), 1);
});
