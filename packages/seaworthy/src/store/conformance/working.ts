import assert from 'node:assert/strict';
import type { Runtime } from '../../core/runtime.ts';
import { type Worker, worker, workerMigrations } from '../worker.ts';
import { named, type Promised } from './bank.ts';

/** Workers and their leases. */
export const working: readonly Promised[] = [
  named('a lease has one living owner; the dead one and the closed one make room', async (store, runtime) => {
    await store.migrate(workerMigrations);
    // Its heart beats once.
    const mute: Runtime = { ...runtime, clock: { ...runtime.clock, after: () => ({ cancel: () => {} }) } };
    const first = await worker(store, mute, { ttl: '1m' });
    const second = await worker(store, mute, { ttl: '1m' });
    const leads = (who: Worker): Promise<boolean> => store.transaction((tx) => who.holdLease(tx, 'relay'));
    assert.deepEqual([await leads(first), await leads(second), await leads(first)], [true, false, true]);
    await store.transaction((tx) => tx.run('update sw_worker set until = until - 60001'));
    const third = await worker(store, mute, { ttl: '1m' });
    assert.deepEqual([await leads(third), await leads(first)], [true, false]);
    await third.close();
    assert.equal(await leads(second), true);
  }),
  named('workers whose own clocks are far apart leave each other their leases', async (store, runtime) => {
    await store.migrate(workerMigrations);
    const apart = (ms: number): Runtime => ({ ...runtime, clock: { ...runtime.clock, now: () => runtime.clock.now() + ms } });
    const workers = await Promise.all([0, 30_000, -30_000].map((ms) => worker(store, apart(ms))));
    const leads = async (): Promise<readonly boolean[]> => {
      const all: boolean[] = [];
      for (const one of workers) all.push(await store.transaction((tx) => one.holdLease(tx, 'relay')));
      return all;
    };
    assert.deepEqual(
      [await leads(), await leads()],
      [
        [true, false, false],
        [true, false, false],
      ],
    );
    for (const one of workers) await one.close();
  }),
];
