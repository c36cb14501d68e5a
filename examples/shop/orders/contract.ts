import { command, contract, event, query } from 'seaworthy/contract';
import { z } from 'zod';
import { Item, Items, Money, OrderId, OrderRef, Text } from '../shapes.ts';

export const Status = z.enum(['pending', 'confirmed', 'cancelled']);

const Order = z.object({
  orderId: OrderId,
  customerId: z.string(),
  status: Status,
  /** The reason why an order was cancelled: `out_of_stock`, `payment_declined`, `payment_unavailable`, `customer`, ... */
  reason: z.string().optional(),
  total: Money,
  items: z.array(Item),
  placedAt: z.string(),
});

export const orders = contract('orders', {
  placeOrder: command({
    http: 'POST /orders',
    input: z.object({ customerId: Text.default('guest'), items: Items, paymentToken: Text }),
    output: z.object({ orderId: OrderId, status: z.literal('pending') }),
    status: 202,
    location: '/api/orders/{orderId}',
  }),
  cancel: command({
    http: 'POST /orders/{orderId}/cancel',
    input: OrderRef,
    output: z.object({ orderId: OrderId, status: Status }),
    status: 202,
    errors: { NotFound: { status: 404 } },
  }),
  order: query({ http: 'GET /orders/{orderId}', input: OrderRef, output: Order, errors: { NotFound: { status: 404 } } }),
  /** Asks inventory and payments to compensate a confirmed order; each publishes an event when it has. */
  cancellationRequested: event({ key: 'orderId', data: OrderRef }),
  orderConfirmed: event({ key: 'orderId', data: z.object({ orderId: OrderId, total: Money }) }),
  orderCancelled: event({ key: 'orderId', data: z.object({ orderId: OrderId, reason: z.string() }) }),
});
