import type { Migration, Read, Tx } from 'seaworthy/store';
import { z } from 'zod';
import { Money } from '../shapes.ts';

export const migrations: readonly Migration[] = [
  {
    name: 'payments/1',
    statements: ({ types: { key, integer, text } }) => [
      `create table payments (
        order_id ${key} not null primary key, payment_id ${text} not null, amount ${integer} not null, state ${text} not null)`,
    ],
  },
];

const Payment = z
  .object({ payment_id: z.string(), amount: Money, state: z.enum(['captured', 'refunded']) })
  .transform(({ payment_id: paymentId, ...rest }) => ({ paymentId, ...rest }));
export type Payment = z.infer<typeof Payment>;

export async function findPayment(read: Read, orderId: string): Promise<Payment | undefined> {
  const [payment] = await read.all(Payment, 'select payment_id, amount, state from payments where order_id = ?', orderId);
  return payment;
}

/** Records a capture. Returns false when the order has one: an insert that finds out meets no other order, as a query before it would. */
export async function capture(
  tx: Tx,
  payment: { readonly orderId: string; readonly paymentId: string; readonly amount: number },
): Promise<boolean> {
  const insert = tx.dialect.insertNew({ table: 'payments', columns: 'order_id, payment_id, amount, state', key: 'order_id' });
  return (await tx.run(insert, payment.orderId, payment.paymentId, payment.amount, 'captured')).changes > 0;
}

export async function markRefunded(tx: Tx, orderId: string): Promise<void> {
  await tx.run("update payments set state = 'refunded' where order_id = ?", orderId);
}
