import type { Handler, Reaction } from 'seaworthy/service';
import type { Tx } from 'seaworthy/store';
import type { inventory } from '../inventory/contract.ts';
import type { payments } from '../payments/contract.ts';
import type { orders } from './contract.ts';
import { fulfilOrder } from './fulfilment.ts';
import { findOrder } from './tables.ts';

/** Cancels an order: the saga of a pending order is stopped and undone; a confirmed order is compensated by inventory and payments. */
export const cancel: Handler<typeof orders, 'cancel'> = async ({ input: { orderId }, tx, publish, stop, fail }) => {
  const order = await findOrder(tx, orderId);
  if (!order) throw fail('NotFound');
  if (order.status === 'pending') stop(fulfilOrder, orderId, 'customer');
  if (order.status === 'confirmed' && !order.cancelling) {
    await tx.run('update orders set cancelling = 1 where order_id = ?', orderId);
    publish('cancellationRequested', { orderId });
  }
  return { orderId, status: order.status };
};

/** Choreography: the order is cancelled once its stock is released and its payment refunded, in either order. */
async function conclude(tx: Tx, orderId: string, part: 'released' | 'refunded'): Promise<boolean> {
  await tx.run(`update orders set ${part} = 1 where order_id = ? and cancelling = 1`, orderId);
  const { changes } = await tx.run(
    `update orders set status = 'cancelled', reason = 'customer'
      where order_id = ? and status = 'confirmed' and released = 1 and refunded = 1`,
    orderId,
  );
  return changes > 0;
}

export const stockReleased: Reaction<typeof orders, typeof inventory.stockReleased> = async ({ data: { orderId }, tx, publish }) => {
  if (await conclude(tx, orderId, 'released')) publish('orderCancelled', { orderId, reason: 'customer' });
};

export const paymentRefunded: Reaction<typeof orders, typeof payments.paymentRefunded> = async ({ data: { orderId }, tx, publish }) => {
  if (await conclude(tx, orderId, 'refunded')) publish('orderCancelled', { orderId, reason: 'customer' });
};
