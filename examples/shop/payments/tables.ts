import type { Migration, Read, Tx } from 'seaworthy/store';

export const migrations: readonly Migration[] = [
  {
    name: 'payments/1',
    statements: [
      'create table payments (order_id text primary key, payment_id text not null, amount bigint not null, state text not null)',
    ],
  },
];

export interface Payment {
  readonly paymentId: string;
  readonly amount: number;
  readonly state: 'captured' | 'refunded';
}

export async function findPayment(read: Read, orderId: string): Promise<Payment | undefined> {
  const [row] = await read.all('select payment_id, amount, state from payments where order_id = ?', orderId);
  return (
    row && {
      paymentId: String(row['payment_id']),
      amount: Number(row['amount']),
      state: row['state'] === 'refunded' ? 'refunded' : 'captured',
    }
  );
}

export async function capture(
  tx: Tx,
  payment: { readonly orderId: string; readonly paymentId: string; readonly amount: number },
): Promise<void> {
  await tx.run(
    "insert into payments (order_id, payment_id, amount, state) values (?, ?, ?, 'captured')",
    payment.orderId,
    payment.paymentId,
    payment.amount,
  );
}

export async function markRefunded(tx: Tx, orderId: string): Promise<void> {
  await tx.run("update payments set state = 'refunded' where order_id = ?", orderId);
}
