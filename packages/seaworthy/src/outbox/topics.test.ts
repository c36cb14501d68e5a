import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { contract, event } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { memory } from '../store/drivers/memory.ts';
import type { Tx } from '../store/store.ts';
import { worker, workerMigrations } from '../store/worker.ts';
import { subscription } from './attempt.ts';
import { consumer } from './consumer.ts';
import { deadLetters } from './dead-letters.ts';
import { EventInvalid } from './errors.ts';
import { collector } from './outbox.ts';
import { relay } from './relay.ts';
import { outboxMigrations } from './tables.ts';

const returns = contract('returns', { sent: event({ key: 'order', data: z.object({ order: z.string() }) }) });
const orders = contract('orders', { placed: event({ key: 'order', data: z.object({ order: z.string() }) }) });

/** Sender and receiver in one database, which look by themselves once an hour. */
async function world(attempt: () => void) {
  const machine = runtime();
  const store = await memory().open('orders', machine);
  await store.migrate([...workerMigrations, ...outboxMigrations]);
  const bus = await memoryBus().open(machine);
  const own = await worker(store, machine);
  const parts = { store, bus, runtime: machine, worker: own, service: 'orders', poll: '1h' } as const;
  let attempted = Promise.withResolvers<void>();
  const consuming = await consumer({
    ...parts,
    retry: { attempts: 1 },
    subscriptions: [
      subscription(orders.placed, async (_tx: Tx) => {
        attempted.resolve();
        attempt();
      }),
    ],
  });
  const relaying = relay(parts);
  // Both have looked before anything is there.
  while ((await store.read.all('select name from sw_lease')).length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  return {
    store,
    machine,
    async attempted() {
      await attempted.promise;
      attempted = Promise.withResolvers();
    },
    place: (order: string) =>
      store.transaction(async (tx) => {
        const events = collector(orders, machine, { tx });
        events.publish('placed', { order });
        await events.write(tx);
      }),
    async close() {
      await Promise.all([relaying.close(), consuming.close()]);
      await own.close();
      await Promise.all([store.close(), bus.close()]);
    },
  };
}

test('the commit that writes an event wakes the relay, and a redrive wakes the consumer, long before their polls', async () => {
  let broken = true;
  let attempts = 0;
  const one = await world(() => {
    attempts++;
    if (broken) throw new Error('broken');
  });
  await one.place('a');
  await one.attempted();
  const dead = deadLetters(one.store, one.machine);
  while ((await dead.list()).length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  broken = false;
  await dead.redrive({});
  await one.attempted();
  await one.close();
  assert.equal(attempts, 2);
});

test('a key that not every database keeps, with U+0000 in it or of more than 255 characters, is refused where it is published', async () => {
  const one = await world(() => {});
  const wrong: readonly (readonly [key: string, rule: RegExp])[] = [
    ['a\0b', /order: has U\+0000/],
    ['a'.repeat(256), /order: is the key .* at most 255 characters/],
  ];
  for (const [key, rule] of wrong)
    await assert.rejects(one.place(key), (error: unknown) => error instanceof EventInvalid && rule.test(error.message));
  await one.close();
});

test('a consumer subscribes to all its topics at once: each may need seconds to join', async () => {
  const machine = runtime();
  const store = await memory().open('mails', machine);
  await store.migrate([...workerMigrations, ...outboxMigrations]);
  const bus = await memoryBus().open(machine);
  const own = await worker(store, machine);
  const begun = new Set<string>();
  const both = Promise.withResolvers<void>();
  const joining: typeof bus = {
    ...bus,
    async subscribe(options) {
      if (begun.add(options.topic).size === 2) both.resolve();
      await both.promise;
      return bus.subscribe(options);
    },
  };
  const subscriptions = [orders.placed, returns.sent].map((one) => subscription(one, () => {}));
  const consuming = await consumer({ store, bus: joining, runtime: machine, worker: own, service: 'mails', subscriptions });
  await consuming.close();
  await own.close();
  await Promise.all([store.close(), bus.close()]);
});
