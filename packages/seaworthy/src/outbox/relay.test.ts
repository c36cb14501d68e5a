import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import type { Envelope } from '../bus/envelope.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { memory } from '../store/drivers/memory.ts';
import { worker, workerMigrations } from '../store/worker.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { pausable } from '../testing/pausable-clock.fixture.ts';
import { orders } from './conformance/world.ts';
import { collector } from './outbox.ts';
import { relay } from './relay.ts';
import { outboxMigrations } from './tables.ts';

test('after a pause longer than its ttl a relay publishes nothing before its worker has written a heartbeat', async () => {
  const clock = pausable(virtualClock());
  let pauses = 1;
  const reached: Runtime['reached'] = (point) => {
    if (point === 'relay/publish/before' && pauses-- > 0) clock.pause(5000);
  };
  const rt = runtime({ clock, random: seededRandom(1), reached });
  const store = await memory().open('orders', rt);
  await clock.run(store.migrate([...workerMigrations, ...outboxMigrations]));
  const own = await clock.run(worker(store, rt));
  const terms: (number | undefined)[] = [];
  const bus = await memoryBus().open(rt);
  const watched = {
    ...bus,
    async publish(topic: string, events: readonly Envelope[]) {
      terms.push(own.term());
      await bus.publish(topic, events);
    },
  };
  const relaying = relay({ store, bus: watched, runtime: rt, worker: own, service: 'orders' });
  await clock.advance(0);
  await clock.run(
    store.transaction(async (tx) => {
      const events = collector(orders, rt);
      events.publish('placed', { order: 'a', n: 1 });
      await events.write(tx);
    }),
  );
  await clock.advance(900);
  assert.deepEqual(terms, []);
  await clock.advance(200);
  assert.deepEqual(terms, [2]);
  await clock.run(relaying.close());
  await clock.run(own.close());
  await store.close();
});
