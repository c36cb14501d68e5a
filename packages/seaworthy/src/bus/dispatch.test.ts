import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtime } from '../core/runtime.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { dispatch } from './dispatch.ts';
import { envelope } from './envelope.ts';

test('an event that a dead member may have had in hand is told of once: what is rejected and comes again killed nobody', async () => {
  const clock = virtualClock();
  const seen: unknown[] = [];
  const handle = async (
    _: unknown,
    { orphaned, position }: { readonly orphaned?: boolean | undefined; readonly position?: string | undefined },
  ) => {
    seen.push([orphaned, position]);
    if (seen.length < 3) throw new Error('the database is away');
  };
  const hands = dispatch({ topic: 'orders', group: 'g', handle, concurrency: 1 }, runtime({ clock, random: seededRandom(1) }));
  const one = envelope({ id: 'a', service: 'orders', event: 'placed', key: 'k', now: 0, data: {} });
  hands.add({ envelope: one, position: '7', orphaned: true, done: () => {} });
  await clock.advance(2000);
  assert.deepEqual(seen, [
    [true, '7'],
    [false, '7'],
    [false, '7'],
  ]);
  await hands.close();
});
