import type { Migration, Read } from 'seaworthy/store';
import type { Item } from '../shapes.ts';

export const migrations: readonly Migration[] = [
  {
    name: 'orders/1',
    statements: [
      `create table orders (
        order_id text primary key, customer_id text not null, status text not null, reason text, total bigint not null,
        items text not null, placed_at bigint not null,
        cancelling integer not null default 0, released integer not null default 0, refunded integer not null default 0)`,
    ],
  },
];

export interface OrderRow {
  readonly orderId: string;
  readonly customerId: string;
  readonly status: 'pending' | 'confirmed' | 'cancelled';
  readonly reason: string | undefined;
  readonly total: number;
  readonly items: Item[];
  readonly placedAt: string;
  readonly cancelling: boolean;
}

/** The order, wherever it is asked for: on a snapshot or inside a transaction. */
export async function findOrder(read: Read, orderId: string): Promise<OrderRow | undefined> {
  const [row] = await read.all('select * from orders where order_id = ?', orderId);
  if (!row) return undefined;
  return {
    orderId,
    customerId: String(row['customer_id']),
    status: String(row['status']) as OrderRow['status'],
    reason: row['reason'] === null ? undefined : String(row['reason']),
    total: Number(row['total']),
    items: JSON.parse(String(row['items'])) as Item[],
    placedAt: new Date(Number(row['placed_at'])).toISOString(),
    cancelling: Boolean(row['cancelling']),
  };
}
