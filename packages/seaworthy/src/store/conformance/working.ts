import assert from 'node:assert/strict';
import type { Runtime } from '../../core/runtime.ts';
import { worker, workerMigrations } from '../worker.ts';
import { named, type Promised } from './bank.ts';

/** Of workers and their leases. */
export const working: readonly Promised[] = [
  named('a lease has one living owner; the dead one and the closed one make room', async (store, runtime) => {
    await store.migrate(workerMigrations);
    let now = 1_000_000;
    const timers: (() => void)[] = [];
    const frozen: Runtime = {
      ...runtime,
      clock: { ...runtime.clock, now: () => now, after: (_ms, run) => ({ cancel: () => void timers.push(run) }) },
    };
    const first = await worker(store, frozen);
    const second = await worker(store, frozen);
    const leads = (who: typeof first): Promise<boolean> => store.transaction((tx) => who.holdLease(tx, 'relay'));
    assert.deepEqual([await leads(first), await leads(second), await leads(first)], [true, false, true]);
    now += 3001; // nobody's heart has beaten since
    const third = await worker(store, frozen);
    assert.deepEqual([await leads(third), await leads(first)], [true, false]);
    await third.close();
    assert.equal(await leads(second), true);
  }),
];
