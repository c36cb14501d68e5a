import { service } from 'seaworthy/service';
import { inventory } from '../inventory/contract.ts';
import { payments } from '../payments/contract.ts';
import { cancel, paymentRefunded, stockReleased } from './cancellation.ts';
import { orders } from './contract.ts';
import { fulfilOrder } from './fulfilment.ts';
import { findOrder, migrations } from './tables.ts';

export default service(orders, {
  migrations,
  handlers: {
    async placeOrder({ input, tx, start, now, newId }) {
      const orderId = newId();
      const total = input.items.reduce((sum, item) => sum + item.quantity * item.unitPrice, 0);
      await tx.run(
        "insert into orders (order_id, customer_id, status, total, items, placed_at) values (?, ?, 'pending', ?, ?, ?)",
        orderId,
        input.customerId,
        total,
        JSON.stringify(input.items),
        now,
      );
      start(fulfilOrder, { orderId, items: input.items, total, paymentToken: input.paymentToken });
      return { orderId, status: 'pending' };
    },
    cancel,
    async order({ input, read, fail }) {
      const order = await findOrder(read, input.orderId);
      if (!order) throw fail('NotFound');
      const { cancelling: _, ...shown } = order;
      return shown;
    },
  },
  on: (on) => [on(inventory.stockReleased, stockReleased), on(payments.paymentRefunded, paymentRefunded)],
  sagas: [fulfilOrder],
});
