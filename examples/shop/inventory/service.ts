import { service } from 'seaworthy/service';
import { orders } from '../orders/contract.ts';
import { inventory } from './contract.ts';
import { migrations, record, release, reserve, reservedFor, setStock, stockOf } from './stock.ts';

export default service(inventory, {
  migrations,
  // Orders meet at the rows of popular products. Every change of these has its condition in its own statement, so they need not be
  // serializable: they wait for each other instead of running again.
  isolation: 'read committed',
  handlers: {
    setStock: ({ input, tx }) => setStock(tx, input.productId, input.available),
    async stock({ input, read, fail }) {
      const stock = await stockOf(read, input.productId);
      if (!stock) throw fail('NotFound');
      return stock;
    },
    async reserve({ input, tx, publish, fail }) {
      if (!(await record(tx, input.orderId, input.items))) throw fail('AlreadyReserved');
      const short = await reserve(tx, input.items);
      if (short) throw fail('OutOfStock', short);
      publish('stockReserved', { orderId: input.orderId });
      return { orderId: input.orderId };
    },
    async release({ input, tx, publish }) {
      if (await release(tx, input.orderId)) publish('stockReleased', { orderId: input.orderId });
    },
    async reservationOf({ input, read, fail }) {
      const items = await reservedFor(read, input.orderId);
      if (!items) throw fail('NotFound');
      return { orderId: input.orderId, items };
    },
  },
  on: (on) => [
    on(orders.cancellationRequested, async ({ data: { orderId }, tx, publish }) => {
      if (await release(tx, orderId)) publish('stockReleased', { orderId });
    }),
  ],
});
