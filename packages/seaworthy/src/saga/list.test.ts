import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtime } from '../core/runtime.ts';
import { memory } from '../store/drivers/memory.ts';
import { readerBy } from '../store/read-by.ts';
import { virtualClock } from '../testing/clock.ts';
import { type Entry, type Instance, insert, type SagaState, timed } from './journal.ts';
import { listSagas, sagaOf } from './list.ts';
import { sagaMigrations } from './tables.ts';
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
    for (const [index, state] of states.entries()) await insert(tx, instance(String(index), { state, started: index }));
    await insert(tx, instance('9', { name: 'refund', key: '0', started: 9 }));
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
  await store.transaction((tx) => insert(tx, instance('small', { input: 1 })));
  assert.deepEqual(await listSagas(store.read, { key: 'small' }), [await sagaOf(store.read, 'small')]);
  const large = 'x'.repeat(2 ** 20);
  const journal: readonly Entry[] = [{ step: 'pay', state: 'stuck', result: large }];
  await store.transaction(async (tx) => {
    for (let index = 10; index < 22; index++) await insert(tx, instance(String(index), { state: 'stuck', input: large, journal }));
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

test('the journal keeps when a step began and ended, in how many runs, and what the last failure said', () => {
  const [note, pay, book]: readonly Entry[] = [
    { step: 'note', state: 'done', began: 1, ended: 1 },
    { step: 'pay', state: 'intended', began: 1 },
    { step: 'book', state: 'done', began: 2, ended: 3 },
  ];
  const at = (journal: readonly (Entry | undefined)[], more: Partial<Instance> = {}): Instance =>
    instance('t', { journal: journal as readonly Entry[], ...more });
  const journalOf = (...args: Parameters<typeof timed>): readonly Entry[] => timed(...args).journal;

  const begun = journalOf(
    at([]),
    {
      state: 'running',
      journal: [
        { step: 'note', state: 'done' },
        { step: 'pay', state: 'intended' },
      ],
    },
    1,
  );
  assert.deepEqual(begun, [note, pay]);

  const third = at([note, pay], { attempts: 2, error: 'down' });
  const done = journalOf(
    third,
    {
      state: 'running',
      journal: [
        { step: 'note', state: 'done' },
        { step: 'pay', state: 'done', result: 7 },
        { step: 'end', state: 'done' },
      ],
    },
    9,
  );
  assert.deepEqual(done.slice(1), [
    { step: 'pay', state: 'done', began: 1, ended: 9, runs: 3, error: 'down', result: 7 },
    { step: 'end', state: 'done', began: 9, ended: 9 },
  ]);

  const given = journalOf(
    third,
    { state: 'undoing', journal: third.journal, cause: { kind: 'failed', step: 'pay', code: undefined, message: 'down again' } },
    9,
  );
  assert.deepEqual(given[1], { step: 'pay', state: 'intended', began: 1, ended: 9, unseen: true, runs: 3, error: 'down again' });

  const undone = journalOf(
    at([book], { state: 'undoing', attempts: 1, error: 'locked' }),
    { state: 'undoing', journal: [{ step: 'book', state: 'undone' }] },
    12,
  );
  assert.deepEqual(undone, [{ ...book, state: 'undone', undo: { ended: 12, runs: 2, error: 'locked' } }]);

  const stuck = journalOf(
    at([book], { state: 'undoing', attempts: 9, error: 'locked' }),
    { state: 'stuck', journal: [{ step: 'book', state: 'stuck' }], attempts: 10, error: 'gone' },
    12,
  );
  assert.deepEqual(stuck, [{ ...book, state: 'stuck', undo: { ended: 12, runs: 10, error: 'gone' } }]);
});
