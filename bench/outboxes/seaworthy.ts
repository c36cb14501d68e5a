import { embedded } from 'seaworthy/bus/embedded';
import { contract, event } from 'seaworthy/contract';
import { runtime } from 'seaworthy/core';
import { collector, consumer, outboxMigrations, relay, subscription } from 'seaworthy/outbox';
import { worker, workerMigrations } from 'seaworthy/store';
import { postgres } from 'seaworthy/store/postgres';
import { z } from 'zod';
import { serve } from '../shared/contestant.ts';
import { type Placed, serveOutbox, tables } from './load.ts';

/** The toolkit on PostgreSQL, with the embedded bus. `leader`: a process that only relays, so that the other one does not. */
const [, , url, dir, role] = process.argv as unknown as readonly [string, string, string, string, string?];
const orders = contract('orders', {
  placed: event({ key: 'order', data: z.object({ id: z.string(), order: z.string(), text: z.string() }) }),
});
const parts = runtime();

async function open(handled: (id: string) => void) {
  const driver = postgres({ url });
  const bus = await embedded({ dir }).open(parts);
  const sender = await driver.open('orders', parts);
  await sender.migrate([...workerMigrations, ...outboxMigrations, { name: 'orders/1', statements: tables }]);
  const sending = await worker(sender, parts);
  const relaying = relay({ store: sender, bus, runtime: parts, worker: sending, service: 'orders' });
  const receiver = role === 'leader' ? undefined : await driver.open('stock', parts);
  const receiving = receiver && (await receive(receiver));

  async function receive(store: NonNullable<typeof receiver>) {
    await store.migrate([...workerMigrations, ...outboxMigrations, { name: 'stock/1', statements: tables }]);
    const own = await worker(store, parts);
    const placed = subscription(orders.placed, async (tx: Parameters<typeof store.sql>[0], data) => {
      await tx.run('insert into seen (id, text) values (?, ?)', data.id, data.text);
      return () => handled(data.id);
    });
    const consuming = await consumer({ store, bus, runtime: parts, worker: own, service: 'stock', subscriptions: [placed] });
    return { consuming, own };
  }

  return {
    async produce({ id, order, text }: Placed) {
      await sender.transaction(async (tx) => {
        await tx.run('insert into placed (id, text) values (?, ?)', id, text);
        const events = collector(orders, parts, { tx });
        events.publish('placed', { id, order, text });
        await events.write(tx);
      });
    },
    async stop() {
      await receiving?.consuming.close();
      await relaying.close();
      await receiving?.own.close();
      await sending.close();
      await receiver?.close();
      await sender.close();
      await bus.close();
    },
  };
}

await (role === 'leader' ? serve(async () => ({ ...(await open(() => {})), run: async () => ({}) })) : serveOutbox(open));
