import { command, contract, event, query } from 'seaworthy/contract';
import { z } from 'zod';
import { Item, Items, OrderId, OrderRef, ProductId } from '../shapes.ts';

const Reservation = z.object({ orderId: OrderId, items: z.array(Item) });
const Stock = z.object({ productId: ProductId, available: z.int().min(0), reserved: z.int().min(0) });

export const inventory = contract('inventory', {
  setStock: command({
    http: 'PUT /products/{productId}/stock',
    input: z.object({ productId: ProductId, available: z.int().min(0).max(1_000_000_000) }),
    output: Stock,
  }),
  stock: query({
    http: 'GET /products/{productId}/stock',
    input: z.object({ productId: ProductId }),
    output: Stock,
    errors: { NotFound: { status: 404 } },
  }),
  reserve: command({
    http: 'POST /reservations',
    input: z.object({ orderId: OrderId, items: Items }),
    output: z.object({ orderId: OrderId }),
    errors: {
      OutOfStock: { status: 409, data: z.object({ productId: ProductId, available: z.int().min(0) }) },
      /** The order has a reservation already, under another key. It is unchanged. */
      AlreadyReserved: { status: 409 },
    },
  }),
  release: command({ http: 'DELETE /reservations/order/{orderId}', input: OrderRef }),
  reservationOf: query({
    http: 'GET /reservations/order/{orderId}',
    input: OrderRef,
    output: Reservation,
    errors: { NotFound: { status: 404 } },
  }),
  stockReserved: event({ key: 'orderId', data: OrderRef }),
  stockReleased: event({ key: 'orderId', data: OrderRef }),
});
