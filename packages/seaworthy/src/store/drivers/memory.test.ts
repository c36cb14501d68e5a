import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtime } from '../../core/runtime.ts';
import { seededRandom, virtualClock } from '../../testing/clock.ts';
import type { Tx } from '../store.ts';
import { memory } from './memory.ts';

test('memory: after a conflict caused by a statement with changing results, later statements are not lost', async () => {
  const store = await memory().open('bank', runtime({ clock: virtualClock(), random: seededRandom(1) }));
  await store.migrate([{ name: 'x/1', statements: ['create table x (n integer)'] }]);
  let runs = 0;
  await store.transaction(async (tx) => {
    runs++;
    await tx.all('select random() as n');
    await tx.run('insert into x values (1)');
    await tx.savepoint(async () => {
      await tx.run('insert into x values (2)');
      // Now the statements so far are dropped, and have to be played again.
      assert.deepEqual(await store.read.all('select n from x'), []);
      await tx.run('insert into x values (3)');
    });
  });
  assert.equal(runs, 1, 'nobody has committed in between');
  assert.deepEqual(
    (await store.read.all('select n from x order by n')).map(({ n }) => n),
    [1, 2, 3],
  );
  await store.close();
});

test('memory: at `read committed` each query reads the latest state, and a change that would come to something else runs again', async () => {
  const store = await memory().open('bank', runtime({ clock: virtualClock(), random: seededRandom(1) }));
  await store.migrate([{ name: 'x/1', statements: ['create table x (n integer)', 'insert into x values (1)'] }]);
  const seen: unknown[] = [];
  const play = async (work: (tx: Tx, other: () => Promise<unknown>) => Promise<void>): Promise<number> => {
    let runs = 0;
    await store.transaction(
      (tx) => work(tx, async () => runs++ === 0 && store.transaction((beside) => beside.run('update x set n = n + 1'))),
      { isolation: 'read committed' },
    );
    return runs;
  };
  const reading = async (tx: Tx): Promise<void> => void seen.push((await tx.all('select n from x'))[0]?.['n']);
  assert.equal(
    await play(async (tx, other) => {
      await reading(tx);
      await other();
      await reading(tx);
    }),
    1,
  );
  assert.deepEqual(seen, [1, 2]);
  assert.equal(
    await play(async (tx, other) => {
      await tx.run('update x set n = 10 where n = 2');
      await other();
    }),
    2,
  );
  assert.deepEqual(await store.read.all('select n from x'), [{ n: 3 }]);
  await store.close();
});
