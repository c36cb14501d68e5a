import { type Cause, saga } from 'seaworthy/saga';
import { z } from 'zod';
import { inventory } from '../inventory/contract.ts';
import { payments } from '../payments/contract.ts';
import { Items, Money, OrderId } from '../shapes.ts';
import { orders } from './contract.ts';

const Placed = z.object({ orderId: OrderId, items: Items, total: Money, paymentToken: z.string() });

const declared: Readonly<Record<string, string>> = {
  OutOfStock: 'out_of_stock',
  Declined: 'payment_declined',
  Unavailable: 'payment_unavailable',
};

/** Returns the reason of a cancelled order for its customer. */
function reasonOf(cause: Cause): string {
  if (cause.kind === 'stopped') return cause.reason;
  if (cause.kind === 'declared') return declared[cause.name] ?? cause.name;
  if (cause.kind === 'late') return 'late';
  return cause.step === 'charge' ? 'payment_unavailable' : `${cause.step}_failed`;
}

/** Orchestration: confirms a placed order, or undoes it so that nothing is reserved and nothing is charged. */
export const fulfilOrder = saga(orders, 'fulfil-order', {
  input: Placed,
  uses: [inventory, payments],
  key: (input) => input.orderId,
})
  .local('place', {
    do: () => {},
    undo: async ({ input, cause, tx, publish }) => {
      const reason = reasonOf(cause);
      await tx.run("update orders set status = 'cancelled', reason = ? where order_id = ?", reason, input.orderId);
      publish('orderCancelled', { orderId: input.orderId, reason });
    },
  })
  .step('reserve', {
    do: ({ input, call }) => call(inventory.reserve, { orderId: input.orderId, items: input.items }),
    undo: ({ input, call }) => call(inventory.release, { orderId: input.orderId }),
  })
  .step('charge', {
    // A charge allows the card processor 15 s, so the step waits a little longer.
    timeout: '25s',
    do: ({ input, call }) => call(payments.charge, { orderId: input.orderId, amount: input.total, token: input.paymentToken }),
    undo: ({ input, call }) => call(payments.refund, { orderId: input.orderId }),
  })
  .local('confirm', {
    do: async ({ input, tx, publish }) => {
      await tx.run("update orders set status = 'confirmed' where order_id = ?", input.orderId);
      publish('orderConfirmed', { orderId: input.orderId, total: input.total });
    },
  });
