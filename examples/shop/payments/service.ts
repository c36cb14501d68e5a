import { external, type Handler, remote, type Service, service } from 'seaworthy/service';
import { orders } from '../orders/contract.ts';
import type { Cards } from './cards.ts';
import { payments } from './contract.ts';
import { refundOrder } from './refund.ts';
import { capture, findPayment, markRefunded, migrations, type Payment } from './tables.ts';

/** The time from the intent after which a charge without an answer is voided. */
const patienceMs = 15_000;

/** Returns the key under which the card processor charges an order once. */
const chargeKey = (orderId: string): string => `charge-${orderId}`;

const charge = (cards: Cards): Handler<typeof payments, 'charge'> =>
  external({
    before: ({ input }) => ({ key: chargeKey(input.orderId) }),
    do: ({ input, intent, since, now, signal }) => cards.charge({ ...input, key: intent.key, withinMs: since + patienceMs - now, signal }),
    async after({ input, outcome, tx, publish, fail }) {
      if (outcome.state === 'declined') throw fail('Declined');
      if (outcome.state === 'void') throw fail('Unavailable');
      if (outcome.state === 'otherwise') throw fail('ChargedOtherwise');
      const { paymentId } = outcome;
      // The order was charged under another idempotency key; the card processor charges an order once.
      if (!(await capture(tx, { orderId: input.orderId, paymentId, amount: input.amount })))
        return (await findPayment(tx, input.orderId)) as Payment;
      publish('paymentCaptured', { orderId: input.orderId, amount: input.amount });
      return { paymentId, amount: input.amount, state: 'captured' };
    },
  });

const refund = (cards: Cards): Handler<typeof payments, 'refund'> =>
  external({
    before: ({ input }) => ({ key: chargeKey(input.orderId) }),
    // A charge that the processor never received is voided there, so that it can no longer happen.
    do: ({ intent, signal }) => cards.void({ key: intent.key, signal }),
    async after({ input, tx, publish }) {
      await markRefunded(tx, input.orderId);
      publish('paymentRefunded', { orderId: input.orderId });
    },
  });

/** Makes the payments service with a given card processor. */
export default (cards: Cards): Service<'payments', 'orders' | 'payments'> =>
  service(payments, {
    migrations,
    policies: cards.policies,
    handlers: {
      charge: charge(cards),
      refund: refund(cards),
      async paymentOf({ input, read, fail }) {
        const payment = await findPayment(read, input.orderId);
        if (!payment) throw fail('NotFound');
        return payment;
      },
      paymentsOf: remote(async ({ input, signal }) => ({ payments: await cards.capturesOf({ orderId: input.orderId, signal }) })),
    },
    on: (on) => [on(orders.cancellationRequested, ({ data: { orderId }, start }) => start(refundOrder, { orderId }))],
    sagas: [refundOrder],
  });
