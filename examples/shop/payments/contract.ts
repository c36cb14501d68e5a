import { command, contract, event, query } from 'seaworthy/contract';
import { z } from 'zod';
import { Money, OrderId, OrderRef, Text } from '../shapes.ts';

const Payment = z.object({ paymentId: z.string(), amount: Money, state: z.enum(['captured', 'refunded']) });

export const payments = contract('payments', {
  charge: command({
    http: 'POST /payments',
    input: z.object({ orderId: OrderId, amount: Money, token: Text }),
    output: Payment,
    errors: { Declined: { status: 402 }, Unavailable: { status: 424 }, ChargedOtherwise: { status: 409 } },
  }),
  refund: command({ http: 'POST /payments/order/{orderId}/refund', input: OrderRef }),
  paymentOf: query({ http: 'GET /payments/order/{orderId}', input: OrderRef, output: Payment, errors: { NotFound: { status: 404 } } }),
  /** Lists all captures in the books of the processor. */
  paymentsOf: query({
    http: 'GET /payments/order/{orderId}/all',
    input: OrderRef,
    output: z.object({ payments: z.array(Payment) }),
  }),
  paymentCaptured: event({ key: 'orderId', data: z.object({ orderId: OrderId, amount: Money }) }),
  paymentRefunded: event({ key: 'orderId', data: OrderRef }),
});
