import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtime } from '../core/runtime.ts';
import { memory } from '../store/drivers/memory.ts';
import { readerBy } from '../store/read-by.ts';
import { virtualClock } from '../testing/clock.ts';
import type { Entry, Instance, SagaState } from './instance.ts';
import { listSagas, sagaOf } from './list.ts';
import { insertSaga, sagaMigrations } from './saga-store.ts';
import { stuckSagas } from './verdict.ts';

const instance = (id: string, more: Partial<Instance> = {}): Instance => ({
  ...{ id, name: 'trip', key: id, plan: '', input: {}, owner: '', state: 'running', journal: [] },
  ...{ cause: undefined, stopping: undefined, error: undefined, attempts: 0, due: 0, version: 0, crashes: 0, started: 0, changed: 0 },
  ...more,
});

test('instances are listed the newest first, by name, key and state', async () => {
  const store = await memory().open('trips', runtime({ clock: virtualClock() }));
  await store.migrate(sagaMigrations);
  const states: readonly SagaState[] = ['done', 'running', 'stuck'];
  await store.transaction(async (tx) => {
    for (const [index, state] of states.entries()) await insertSaga(tx, instance(String(index), { state, started: index }));
    await insertSaga(tx, instance('9', { name: 'refund', key: '0', started: 9 }));
  });
  const ids = async (...args: Parameters<typeof listSagas> extends [unknown, ...infer Rest] ? Rest : never): Promise<string> =>
    (await listSagas(store.read, ...args)).map(({ id }) => id).join();
  assert.equal(await ids(), '9,2,1,0');
  assert.equal(await ids({ name: 'trip' }), '2,1,0');
  assert.equal(await ids({ name: 'trip', key: '0' }), '0');
  assert.equal(await ids({ state: 'stuck' }), '2');
  assert.equal(await ids({}, { limit: 2, offset: 1 }), '2,1');
  assert.equal((await sagaOf(store.read, '1'))?.state, 'running');
  assert.equal(await sagaOf(store.read, 'nobody'), undefined);
});

test('a list reads a few megabytes of rows at one time, however large they are, and leaves out what is large', async () => {
  const store = await memory().open('trips', runtime({ clock: virtualClock() }));
  await store.migrate(sagaMigrations);
  await store.transaction((tx) => insertSaga(tx, instance('small', { input: 1 })));
  assert.deepEqual(await listSagas(store.read, { key: 'small' }), [await sagaOf(store.read, 'small')]);
  const large = 'x'.repeat(2 ** 20);
  const journal: readonly Entry[] = [{ step: 'pay', state: 'stuck', result: large }];
  await store.transaction(async (tx) => {
    for (let index = 10; index < 22; index++) await insertSaga(tx, instance(String(index), { state: 'stuck', input: large, journal }));
  });
  let most = 0;
  const read = readerBy(async (sql, values) => {
    const rows = await store.read.all(sql, ...values);
    most = Math.max(most, JSON.stringify(rows).length);
    return rows;
  });
  for (const [listed, first] of [
    [await listSagas(read, { state: 'stuck' }), '21'],
    [await stuckSagas(read), '10'],
  ] as const) {
    assert.equal(listed.length, 12);
    assert.equal(listed[0]?.id, first);
    assert.ok(most < 5 * 2 ** 20, `${most} bytes at one time`);
    assert.ok(JSON.stringify(listed).length < 10_000, 'input and results are left out');
    assert.ok(listed.every(({ abridged }) => abridged));
  }
});
