import assert from 'node:assert/strict';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { eachStore } from './each-store.fixture.ts';
import { forgetEnded } from './saga-store.ts';
import { trip } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

named('an ended saga is removed after its retention, and its key is free again; an active one is never removed', async (world) => {
  const { engine } = await world.process([trip]);
  await world.start(engine);
  const { changed } = await world.until('done');
  const forget = (before: number): Promise<number> => world.store.transaction((tx) => forgetEnded(tx, before, 10));
  await world.clock.advance(5);
  assert.equal(await forget(changed), 0);
  world.callee.answers = { pay: () => new Promise(() => {}) };
  await world.run(engine, ({ start }) => start(trip, { id: 'live' }));
  await world.clock.advance(100);
  assert.equal(await forget(world.clock.now()), 1);
  assert.equal((await world.instance()).key, 'live');
  await engine.close(AbortSignal.abort(new Error('over')));
});
