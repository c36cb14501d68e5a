import { z } from 'zod';
import type { Read, Row, Statement, Tx } from './store.ts';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_equal: Same<A, B>): void => {};

const Order = z.object({ order_id: z.string(), total: z.int(), paid: z.int().transform((paid) => paid === 1) });

export async function rows(read: Read, tx: Tx): Promise<void> {
  const orders = await read.all(Order, 'select order_id, total, paid from orders where total > ?', 5);
  same<typeof orders, readonly { order_id: string; total: number; paid: boolean }[]>(true);
  const [first] = await tx.all(Order, 'select order_id, total, paid from orders limit 1');
  // @ts-expect-error there may be no row
  first.total;
  same<(typeof orders)[number] | undefined, typeof first>(true);

  const bare = await tx.all('select order_id from orders');
  same<typeof bare, readonly Row[]>(true);
  // @ts-expect-error a column of a bare row may be of any type
  bare[0]?.['order_id']?.toUpperCase();

  // @ts-expect-error a schema is an object, and not a function
  await tx.all(() => {}, 'select 1');
  // @ts-expect-error the statement is missing
  await tx.all(Order);
  // @ts-expect-error a value of a column is not an object
  await tx.all('select 1 from orders where order_id = ?', { id: 'a' });

  const statements: readonly Statement[] = [['delete from orders where order_id = ?', 'a'], ['delete from lines']];
  same<Awaited<ReturnType<typeof tx.runAll>>, readonly { readonly changes: number }[]>(true);
  await tx.runAll(statements);
  // @ts-expect-error each statement is a list
  await tx.runAll(['delete from lines']);
}
