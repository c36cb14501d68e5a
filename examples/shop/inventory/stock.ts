import type { Migration, Read, Tx } from 'seaworthy/store';
import { z } from 'zod';
import { type Item, Items, jsonOf } from '../shapes.ts';

export const migrations: readonly Migration[] = [
  {
    name: 'inventory/1',
    statements: ({ types: { key, integer, text } }) => [
      `create table stock (product_id ${key} not null primary key, available ${integer} not null, reserved ${integer} not null default 0)`,
      `create table reservations (order_id ${key} not null primary key, items ${text} not null)`,
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
    tx.dialect.upsert({ table: 'stock', columns: 'product_id, available', key: 'product_id', set: 'available' }),
    productId,
    available,
  );
  return (await stockOf(tx, productId)) as Stock;
}

/**
 * Adds up the units of each product, since an order may have several lines of one product. All transactions lock the products in the same
 * order: two that did not could wait for each other for ever.
 */
function unitsOf(items: readonly Item[]): readonly (readonly [productId: string, units: number])[] {
  const units = new Map<string, number>();
  for (const { productId, quantity } of items) units.set(productId, (units.get(productId) ?? 0) + quantity);
  return [...units].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Records the reservation of an order. Returns false when it has one: an insert that finds out is cheaper, and safer, than a query before it. */
export async function record(tx: Tx, orderId: string, items: readonly Item[]): Promise<boolean> {
  const insert = tx.dialect.insertNew({ table: 'reservations', columns: 'order_id, items', key: 'order_id' });
  return (await tx.run(insert, orderId, JSON.stringify(items))).changes > 0;
}

/**
 * Moves units from available to reserved, in one exchange with the database, since the rows of popular products stay locked meanwhile.
 * Returns the first product that has too few: then the caller must fail, so that nothing is moved.
 */
export async function reserve(tx: Tx, items: readonly Item[]): Promise<{ productId: string; available: number } | undefined> {
  const units = unitsOf(items);
  const moved = await tx.runAll(
    units.map(([productId, count]) => [
      'update stock set available = available - ?, reserved = reserved + ? where product_id = ? and available >= ?',
      count,
      count,
      productId,
      count,
    ]),
  );
  const short = units[moved.findIndex(({ changes }) => changes === 0)];
  return short && { productId: short[0], available: (await stockOf(tx, short[0]))?.available ?? 0 };
}

export async function reservedFor(read: Read, orderId: string): Promise<Item[] | undefined> {
  const [row] = await read.all(ReservedItems, 'select items from reservations where order_id = ?', orderId);
  return row?.items;
}

/** Moves the units of an order back to available. Returns whether there were any. Of several that come together one deletes the reservation. */
export async function release(tx: Tx, orderId: string): Promise<boolean> {
  const items = await reservedFor(tx, orderId);
  if (!items || (await tx.run('delete from reservations where order_id = ?', orderId)).changes === 0) return false;
  await tx.runAll(
    unitsOf(items).map(([productId, count]) => [
      'update stock set available = available + ?, reserved = reserved - ? where product_id = ?',
      count,
      count,
      productId,
    ]),
  );
  return true;
}
