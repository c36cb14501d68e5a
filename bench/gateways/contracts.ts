import { contract, query } from 'seaworthy/contract';
import { z } from 'zod';

const ref = z.object({ orderId: z.string() });

export const orders = contract('orders', {
  order: query({
    http: 'GET /orders/{orderId}',
    input: ref,
    output: z.object({ orderId: z.string(), status: z.string(), total: z.int() }),
  }),
});
export const payments = contract('payments', {
  payment: query({ http: 'GET /payments/{orderId}', input: ref, output: z.object({ paymentId: z.string(), amount: z.int() }) }),
});
export const stock = contract('stock', {
  reservation: query({ http: 'GET /reservations/{orderId}', input: ref, output: z.object({ orderId: z.string(), items: z.int() }) }),
});
