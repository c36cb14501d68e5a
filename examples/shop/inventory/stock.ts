import type { Migration, Read, Tx } from 'seaworthy/store';
import { z } from 'zod';
import { type Item, Items, jsonOf } from '../shapes.ts';

export const migrations: readonly Migration[] = [
  {
    name: 'inventory/1',
    statements: [
      'create table stock (product_id text primary key, available bigint not null, reserved bigint not null default 0)',
      'create table reservations (order_id text primary key, items text not null)',
    ],
  },
];

const Units = z.object({ available: z.int(), reserved: z.int() });
const ReservedItems = z.object({ items: jsonOf(Items) });

export type Stock = z.infer<typeof Units> & { readonly productId: string };

export async function stockOf(read: Read, productId: string): Promise<Stock | undefined> {
  const [units] = await read.all(Units, 'select available, reserved from stock where product_id = ?', productId);
  return units && { productId, ...units };
}

/** Sets the available units and keeps the reserved ones. */
export async function setStock(tx: Tx, productId: string, available: number): Promise<Stock> {
  await tx.run(
    'insert into stock (product_id, available) values (?, ?) on conflict (product_id) do update set available = excluded.available',
    productId,
    available,
  );
  return (await stockOf(tx, productId)) as Stock;
}

/** Adds up the units of each product, since an order may have several lines of one product. */
function unitsOf(items: readonly Item[]): ReadonlyMap<string, number> {
  const units = new Map<string, number>();
  for (const { productId, quantity } of items) units.set(productId, (units.get(productId) ?? 0) + quantity);
  return units;
}

/** Moves the units of an order from available to reserved. Returns the first product that has too few. */
export async function reserve(
  tx: Tx,
  orderId: string,
  items: readonly Item[],
): Promise<{ productId: string; available: number } | undefined> {
  for (const [productId, units] of unitsOf(items)) {
    const { changes } = await tx.run(
      'update stock set available = available - ?, reserved = reserved + ? where product_id = ? and available >= ?',
      units,
      units,
      productId,
      units,
    );
    if (changes === 0) return { productId, available: (await stockOf(tx, productId))?.available ?? 0 };
  }
  await tx.run('insert into reservations (order_id, items) values (?, ?)', orderId, JSON.stringify(items));
  return undefined;
}

export async function reservedFor(read: Read, orderId: string): Promise<Item[] | undefined> {
  const [row] = await read.all(ReservedItems, 'select items from reservations where order_id = ?', orderId);
  return row?.items;
}

/** Moves the units of an order back to available. Returns whether there were any. */
export async function release(tx: Tx, orderId: string): Promise<boolean> {
  const items = await reservedFor(tx, orderId);
  if (!items) return false;
  for (const [productId, units] of unitsOf(items)) {
    await tx.run('update stock set available = available + ?, reserved = reserved - ? where product_id = ?', units, units, productId);
  }
  await tx.run('delete from reservations where order_id = ?', orderId);
  return true;
}
