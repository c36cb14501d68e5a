import { z } from 'zod';
import { contract, event } from '../contract/contract.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Tx } from '../store/store.ts';
import { type Subscription, subscription } from './attempt.ts';
import { collector } from './outbox.ts';

const orders = contract('orders', {
  placed: event({ key: 'orderId', data: z.object({ orderId: z.string(), gift: z.boolean().default(false) }) }),
});

declare const runtime: Runtime;
const { publish } = collector(orders, runtime);

publish('placed', { orderId: 'a' });
// @ts-expect-error a field is missing
publish('placed', { gift: true });
// @ts-expect-error there is no such event
publish('cancelled', { orderId: 'a' });

// What the handler gets has its defaults applied.
export const heard: Subscription<Tx> = subscription(orders.placed, async (tx: Tx, { orderId, gift }) => {
  const isGift: boolean = gift;
  await tx.run('insert into wrapped values (?, ?)', orderId, isGift);
});

subscription(orders.placed, (_tx: Tx, data) => {
  // @ts-expect-error the event has no such field
  data.customer;
});
