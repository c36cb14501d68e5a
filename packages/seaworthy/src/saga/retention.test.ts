import assert from 'node:assert/strict';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { eachStore } from './each-store.fixture.ts';
import { forgetEnded } from './saga-store.ts';
import { trip } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

named('an ended saga is removed after its retention, and its key is free again; an active one is never removed', async (sea) => {
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  const { changed } = await sea.until('done');
  const forget = (before: number): Promise<number> => sea.store.transaction((tx) => forgetEnded(tx, before, 10));
  await sea.clock.advance(5);
  assert.equal(await forget(changed), 0);
  sea.callee.answers = { pay: () => new Promise(() => {}) };
  await sea.run(engine, ({ start }) => start(trip, { id: 'live' }));
  await sea.clock.advance(100);
  assert.equal(await forget(sea.clock.now()), 1);
  assert.equal((await sea.instance()).key, 'live');
  await engine.close(AbortSignal.abort(new Error('over')));
});
