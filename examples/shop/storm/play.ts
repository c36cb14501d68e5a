import { strict as assert } from 'node:assert';
import { type StormContext, type StormOptions, type StormReport, storm } from 'seaworthy/testing';
import { shopOf } from '../fleet.ts';
import type { Played } from '../replay/play.ts';
import { reconcile } from '../replay/reconcile.ts';
import type { Stock } from '../replay/shop-client.ts';
import { cardBooks, cardsIn } from './cards.ts';
import { clientOn } from './client.ts';

const stocked: Readonly<Record<string, number>> = { lantern: 1000, mug: 1000, sextant: 3 };
const tokens = ['tok_ok', 'tok_ok', 'tok_flaky', 'tok_slow', 'tok_ok', 'tok_declined', 'tok_ok', 'tok_down'];
const mayConfirm = (token: string): boolean => token !== 'tok_declined' && token !== 'tok_down';

interface Order {
  readonly played: Played;
  /** Whether the customer has cancelled the order. */
  cancelled: boolean;
}

/** Runs the shop in a storm: orders of every kind, some of them cancelled at a random moment; then the books must agree. */
export function shopStorm(seed: number, options: Partial<StormOptions<string>> = {}): Promise<StormReport> {
  const books = cardBooks();
  const before = new Map<string, Stock>();
  const placed: Order[] = [];

  async function order({ call, random, sleep }: StormContext, index: number): Promise<void> {
    const client = clientOn(call);
    const paymentToken = tokens[index % tokens.length] as string;
    const productId = Object.keys(stocked)[Math.floor(random.next() * 3)] as string;
    const items = [
      { productId, quantity: 1 + Math.floor(random.next() * 3), unitPrice: 100 + index },
      { productId: 'mug', quantity: 1, unitPrice: 250 },
    ];
    const placing = { key: `order-${index}`, customerId: undefined, items, paymentToken };
    await sleep(`${Math.floor(random.next() * 5000)}ms`);
    const orderId = await client.place(placing, placing.key);
    const played: Played = {
      placing,
      orderId,
      status: undefined,
      reason: undefined,
      error: undefined,
      beganMs: 0,
      placedMs: 0,
      settledMs: 0,
    };
    const one = { played, cancelled: false };
    placed.push(one);
    if (index % 3 !== 0) return;
    await sleep(`${Math.floor(random.next() * 20_000)}ms`);
    one.cancelled = true;
    await client.cancel(orderId);
  }

  return storm({
    fleet: (runtime) => shopOf(cardsIn(books, runtime)),
    seed,
    bus: seed % 3 === 0 ? 'embedded' : 'memory',
    async load(context) {
      const client = clientOn(context.call);
      for (const [product, available] of Object.entries(stocked)) {
        await client.setStock(product, available);
        before.set(product, { available, reserved: 0 });
      }
      await Promise.all(tokens.map((_, index) => order(context, index)));
    },
    async settled({ read }) {
      const rows = await read('orders').all('select order_id, status from orders');
      const left = rows.filter((row) => {
        const cancelled = placed.some(({ played, cancelled: asked }) => asked && played.orderId === row['order_id']);
        return row['status'] === 'pending' || (cancelled && row['status'] !== 'cancelled');
      });
      return rows.length === tokens.length && left.length === 0;
    },
    async check({ call, read }) {
      const client = clientOn(call);
      const played: Played[] = [];
      for (const one of placed) {
        const { order: is } = await client.order(one.played.orderId as string);
        if (is.status === 'confirmed')
          assert.ok(mayConfirm(one.played.placing.paymentToken), `${is.orderId} is confirmed and cannot be paid`);
        if (one.cancelled) assert.equal(is.status, 'cancelled', `${is.orderId} was cancelled by its customer`);
        played.push({ ...one.played, status: is.status, reason: is.reason });
      }
      assert.deepEqual((await reconcile(client, played, before)).differences, []);
      for (const name of ['orders', 'payments', 'inventory']) {
        assert.deepEqual(await read(name).all('select event, reason, error from sw_dead_letter'), [], `dead letters of ${name}`);
        assert.deepEqual(await read(name).all("select id, name, error from sw_saga where state = 'stuck'"), [], `stuck sagas of ${name}`);
      }
    },
    ...options,
  });
}
