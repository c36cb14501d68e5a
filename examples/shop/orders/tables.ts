import type { Migration, Read } from 'seaworthy/store';
import { z } from 'zod';
import { Items, jsonOf, Money } from '../shapes.ts';

export const migrations: readonly Migration[] = [
  {
    name: 'orders/1',
    statements: ({ types: { key, integer, text } }) => [
      `create table orders (
        order_id ${key} not null primary key, customer_id ${text} not null, status ${text} not null, reason ${text},
        total ${integer} not null, items ${text} not null, placed_at ${integer} not null, cancelling ${integer} not null default 0,
        released ${integer} not null default 0, refunded ${integer} not null default 0)`,
    ],
  },
];

/** A row of `orders`. */
const OrderRow = z
  .object({
    order_id: z.string(),
    customer_id: z.string(),
    status: z.enum(['pending', 'confirmed', 'cancelled']),
    reason: z.string().nullable(),
    total: Money,
    items: jsonOf(Items),
    placed_at: z.int(),
    cancelling: z.int(),
  })
  .transform((row) => ({
    orderId: row.order_id,
    customerId: row.customer_id,
    status: row.status,
    reason: row.reason ?? undefined,
    total: row.total,
    items: row.items,
    placedAt: new Date(row.placed_at).toISOString(),
    cancelling: row.cancelling === 1,
  }));
export type OrderRow = z.infer<typeof OrderRow>;

/** Reads an order, on a snapshot or inside a transaction. */
export async function findOrder(read: Read, orderId: string): Promise<OrderRow | undefined> {
  const [order] = await read.all(
    OrderRow,
    'select order_id, customer_id, status, reason, total, items, placed_at, cancelling from orders where order_id = ?',
    orderId,
  );
  return order;
}
