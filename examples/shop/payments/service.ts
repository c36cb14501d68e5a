import { external, type Handler, remote, type Service, service } from 'seaworthy/service';
import { orders } from '../orders/contract.ts';
import type { Cards } from './cards.ts';
import { payments } from './contract.ts';
import { refundOrder } from './refund.ts';
import { capture, findPayment, markRefunded, migrations } from './tables.ts';

/** How long the card processor is given, from the intent on, before a charge is given up and made void. */
const patienceMs = 15_000;

/** The key that the card processor knows an order's one charge by. */
const chargeKey = (orderId: string): string => `charge-${orderId}`;

const charge = (cards: Cards): Handler<typeof payments, 'charge'> =>
  external({
    before: ({ input }) => ({ key: chargeKey(input.orderId) }),
    do: ({ input, intent, since, now, signal }) => cards.charge({ ...input, key: intent.key, withinMs: since + patienceMs - now, signal }),
    async after({ input, outcome, tx, publish, fail }) {
      if (outcome.state === 'declined') throw fail('Declined');
      if (outcome.state === 'void') throw fail('Unavailable');
      if (outcome.state === 'otherwise') throw fail('ChargedOtherwise');
      // Under another idempotency key: the card processor knows the order, and charged it once.
      const before = await findPayment(tx, input.orderId);
      if (before) return before;
      await capture(tx, { orderId: input.orderId, paymentId: outcome.paymentId, amount: input.amount });
      publish('paymentCaptured', { orderId: input.orderId, amount: input.amount });
      return { paymentId: outcome.paymentId, amount: input.amount, state: 'captured' };
    },
  });

const refund = (cards: Cards): Handler<typeof payments, 'refund'> =>
  external({
    before: ({ input }) => ({ key: chargeKey(input.orderId) }),
    // A charge that the processor never saw is made void there: it can not happen any more.
    do: ({ intent, signal }) => cards.void({ key: intent.key, signal }),
    async after({ input, tx, publish }) {
      await markRefunded(tx, input.orderId);
      publish('paymentRefunded', { orderId: input.orderId });
    },
  });

/** Payments by way of a card processor. */
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
