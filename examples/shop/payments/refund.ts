import { saga } from 'seaworthy/saga';
import { OrderRef } from '../shapes.ts';
import { payments } from './contract.ts';

/** Refunds the payment of an order. A reaction must not use the network, so it starts this saga. */
export const refundOrder = saga(payments, 'refund-order', { input: OrderRef, uses: [payments], key: (input) => input.orderId }).step(
  'refund',
  {
    timeout: '30s',
    retry: { attempts: 20 },
    do: ({ input, call }) => call(payments.refund, { orderId: input.orderId }),
  },
);
