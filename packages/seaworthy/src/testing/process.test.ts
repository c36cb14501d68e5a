import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { runtime } from '../core/runtime.ts';
import { memory } from '../store/drivers/memory.ts';
import type { StoreDriver } from '../store/store.ts';
import { bankOn, clearing } from './bank-fleet.fixture.ts';
import { seededRandom, virtualClock } from './clock.ts';
import { seededFaults } from './faults.ts';
import { type StormWorld, startProcess } from './process.ts';
import { processLife } from './process-life.ts';

/** Starts a process that dies at step number `steps`. Returns the step of its death, if it died during the start, and the number of serving processes. */
async function startAndDie(steps: number): Promise<{ readonly at: string | undefined; readonly serving: number }> {
  const clock = virtualClock();
  const random = seededRandom(1);
  const world: StormWorld = {
    ...{ runtime: runtime({ clock, random }), faults: seededFaults({ seed: random }), busOf: (_, machine) => memoryBus().open(machine) },
    ...{ store: memory() as StoreDriver<unknown, unknown>, stores: new Map(), serving: new Map() },
    ...{ options: {}, calls: undefined, trace: () => {} },
  };
  const one = processLife({ name: 'till 1', steps, clock });
  startProcess(
    world,
    (machine) => bankOn(clearing(), false)(machine, { index: 0, lives: 0 }),
    'till',
    one,
    (driver) => driver,
  ).catch(() => {}); // the process died during its start
  // The time is far shorter than that of the first heartbeat.
  await clock.advance(10);
  const { at } = one;
  const serving = world.serving.get('till')?.size ?? 0;
  one.die('the end of the test');
  return { at, serving };
}

test('a process that dies at any step of its start accepts no calls', async () => {
  const steps: string[] = [];
  for (let count = 1; ; count++) {
    const { at, serving } = await startAndDie(count);
    assert.equal(serving, at === undefined ? 1 : 0, `dead at ${at}, its step ${count}`);
    if (at === undefined) break;
    steps.push(at);
  }
  assert.ok(steps.includes('accepts calls') && steps.length > 5, steps.join());
});
