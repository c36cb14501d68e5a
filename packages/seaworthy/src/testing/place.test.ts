import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { runtime } from '../core/runtime.ts';
import { memory } from '../store/drivers/memory.ts';
import type { StoreDriver } from '../store/store.ts';
import { bankOn, clearing } from './bank-fleet.fixture.ts';
import { seededRandom, virtualClock } from './clock.ts';
import { seededFaults } from './faults.ts';
import { life } from './life.ts';
import { boot, type Sea } from './place.ts';

/** A process that dies at its `steps`th step: whether it did so over its start, and how many take calls then. */
async function bootAndDie(steps: number): Promise<{ readonly at: string | undefined; readonly serving: number }> {
  const clock = virtualClock();
  const random = seededRandom(1);
  const sea: Sea = {
    ...{ runtime: runtime({ clock, random }), faults: seededFaults({ seed: random }), busOf: (_, machine) => memoryBus().open(machine) },
    ...{ store: memory() as StoreDriver<unknown, unknown>, stores: new Map(), serving: new Map() },
    ...{ options: {}, calls: undefined, trace: () => {} },
  };
  const one = life({ name: 'till 1', steps, clock, stallMs: () => 0, trace: () => {} });
  boot(
    sea,
    (machine) => bankOn(clearing(), false)(machine, { index: 0, lives: 0 }),
    'till',
    one,
    (driver) => driver,
  ).catch(() => {}); // it died over it
  // Far less than to its first heartbeat.
  await clock.advance(10);
  const { at } = one;
  const serving = sea.serving.get('till')?.size ?? 0;
  one.die('the end of the test');
  return { at, serving };
}

test('a process that dies at any step of its start takes no calls; one that lives does', async () => {
  const places: string[] = [];
  for (let steps = 1; ; steps++) {
    const { at, serving } = await bootAndDie(steps);
    assert.equal(serving, at === undefined ? 1 : 0, `dead at ${at}, its step ${steps}`);
    if (at === undefined) break;
    places.push(at);
  }
  assert.ok(places.includes('takes calls') && places.length > 5, places.join());
});
