import type { Item } from '../shapes.ts';
import { unitsOf } from './orders.ts';
import type { Played } from './play.ts';
import type { ShopClient, Stock } from './shop-client.ts';

/** The reconciliation of one run: the expected figures and the differences. */
export interface Reconciliation {
  readonly confirmedTotal: number;
  readonly capturedTotal: number;
  /** The differences; empty if the books agree. */
  readonly differences: readonly string[];
}

const units = (items: readonly Item[]): string => JSON.stringify([...unitsOf([{ items }])].sort());
const money = ({ items }: { readonly items: readonly Item[] }): number =>
  items.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);

/** Compares the orders, reservations and stock of the shop, and the captures of the processor, with the placed orders. */
export async function reconcile(
  shop: ShopClient,
  played: readonly Played[],
  before: ReadonlyMap<string, Stock>,
  concurrency = 32,
): Promise<Reconciliation> {
  const differences: string[] = [];
  let confirmedTotal = 0;
  let capturedTotal = 0;
  const placed = played.filter(({ orderId }) => orderId !== undefined);
  for (const { placing, error } of played.filter(({ orderId }) => orderId === undefined))
    differences.push(`${placing.key} could not be placed: ${String(error)}`);
  const twice = placed.length - new Set(placed.map(({ orderId }) => orderId)).size;
  if (twice > 0) differences.push(`${twice} keys share an order with another`);

  async function check({ orderId, placing, status }: Played): Promise<void> {
    const id = orderId as string;
    const [{ order, reservation }, captures] = await Promise.all([shop.order(id), shop.captures(id)]);
    const captured = captures.filter(({ state }) => state === 'captured');
    const sum = captured.reduce((total, { amount }) => total + amount, 0);
    capturedTotal += sum;
    if (order.status === 'pending') differences.push(`${id} is still pending`);
    if (status !== undefined && status !== 'pending' && status !== order.status)
      differences.push(`${id} was ${status} and is ${order.status}`);
    if (order.total !== money(placing)) differences.push(`${id} has the total ${order.total}, not ${money(placing)}`);
    if (order.status === 'confirmed') {
      confirmedTotal += order.total;
      if (captured.length !== 1 || sum !== order.total)
        differences.push(`${id} is confirmed over ${order.total} with ${captured.length} captures over ${sum}`);
      if (!reservation || units(reservation.items) !== units(placing.items)) differences.push(`${id} is confirmed without its reservation`);
    } else {
      if (captured.length > 0) differences.push(`${id} is ${order.status} with ${captured.length} captures over ${sum}`);
      if (reservation && order.status === 'cancelled') differences.push(`${id} is cancelled and holds a reservation`);
    }
  }
  const queue = [...placed];
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let one = queue.pop(); one; one = queue.pop()) await check(one);
    }),
  );

  const sold = unitsOf(placed.filter(({ status }) => status === 'confirmed').map(({ placing }) => placing));
  for (const [productId, was] of before) {
    const is = await shop.stock(productId);
    const out = sold.get(productId) ?? 0;
    if (!is || is.available !== was.available - out || is.reserved !== was.reserved + out) {
      differences.push(
        `${productId} had ${was.available} + ${was.reserved} reserved, sold ${out}, and has ${is ? `${is.available} + ${is.reserved} reserved` : 'no stock'}`,
      );
    }
  }
  if (confirmedTotal !== capturedTotal) differences.push(`confirmed orders come to ${confirmedTotal}, captures to ${capturedTotal}`);
  return { confirmedTotal, capturedTotal, differences };
}
