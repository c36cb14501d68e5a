import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtime } from '../../core/runtime.ts';
import { memory } from '../../store/drivers/memory.ts';
import { worker, workerMigrations } from '../../store/worker.ts';
import { virtualClock } from '../../testing/clock.ts';
import { join, type Seat, saveProgress, takeShare } from './embedded-group.ts';
import { logMigrations } from './embedded-log.ts';

test('a member that only stalled neither saves progress on a partition that another member has taken, nor releases it', async () => {
  const machine = runtime({ clock: virtualClock() });
  const store = await memory().open('bus', machine);
  await store.migrate([...workerMigrations, ...logMigrations]);
  const seat = async (member: string): Promise<Seat> => ({
    topic: 'orders',
    group: 'mails',
    member,
    worker: await worker(store, machine),
  });
  const [stalled, other] = [await seat('stalled'), await seat('other')];
  const never = new AbortController().signal;
  await join(store, stalled);
  const [part = -1] = (await takeShare(store, stalled, never)).mine.keys();
  const save = (by: Seat, position: number, release: boolean): Promise<boolean> =>
    store.transaction((tx) => saveProgress(tx, by, { part, position, release }));
  const row = async (): Promise<unknown> => {
    const [found] = await store.read.all('select position, member from bus_progress where part = ?', part);
    return { ...found };
  };
  assert.equal(await save(stalled, 3, false), true);
  // It was taken for dead: its partition is another's.
  await store.transaction((tx) =>
    tx.run('update bus_progress set member = ?, owner = ? where part = ?', other.member, other.worker.id, part),
  );
  assert.equal(await save(other, 7, false), true);
  for (const release of [false, true]) assert.equal(await save(stalled, 5, release), false);
  assert.deepEqual(await row(), { position: 7, member: 'other' });
  assert.equal(await save(other, 9, true), true);
  assert.deepEqual(await row(), { position: 9, member: '' });
  for (const one of [stalled, other]) await one.worker.close();
  await store.close();
});
