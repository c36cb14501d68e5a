import { type Placing, type Played, play } from '../replay/play.ts';
import { type Reconciliation, reconcile } from '../replay/reconcile.ts';
import { type ShopClient, type Stock, shopClient } from '../replay/shop-client.ts';

/** Kills processes while orders are in progress, and restarts them. */
export interface Strike {
  /** The time of the kill by `performance.now()`; `undefined` before. */
  readonly killedAt: () => number | undefined;
  /** Stops killing. Resolves once the killed processes run again. */
  readonly over: () => Promise<void>;
}

export interface RoundOptions {
  /** The URL of the shop. */
  readonly url: string;
  /** A prefix that distinguishes the orders of this round. */
  readonly run: string;
  readonly orders: number;
  /** Starts to kill; called when the load starts. */
  readonly strike: () => Strike;
}

export interface RoundResult {
  /** Whether a process was killed while orders were in progress. */
  readonly killed: boolean;
  readonly orders: number;
  /** The time from the kill until the last order was settled. */
  readonly recoveredMs: number;
  readonly reconciliation: Reconciliation;
}

const products = ['lantern', 'mug', 'hanger'];

function placingsOf(run: string, count: number): readonly Placing[] {
  const tokens: Readonly<Record<number, string>> = { 3: 'tok_declined', 7: 'tok_flaky' };
  return Array.from({ length: count }, (_, index) => ({
    key: `${run}/${index}`,
    customerId: undefined,
    items: products.slice(0, 1 + (index % 3)).map((productId, line) => ({ productId, quantity: 1 + line, unitPrice: 100 + index })),
    paymentToken: tokens[index % 10] ?? 'tok_ok',
  }));
}

/** Cancels some confirmed orders and waits until they are cancelled. */
async function cancelSome(shop: ShopClient, played: readonly Played[]): Promise<readonly Played[]> {
  const chosen = new Set(played.filter(({ status }, index) => status === 'confirmed' && index % 4 === 0));
  return Promise.all(
    played.map(async (one) => {
      if (!chosen.has(one)) return one;
      await shop.cancel(one.orderId as string);
      for (;;) {
        const { order } = await shop.order(one.orderId as string);
        if (order.status === 'cancelled') return { ...one, status: order.status, reason: order.reason };
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }),
  );
}

/** Places orders while `strike` kills, and reconciles the books. */
export async function round({ url, run, orders, strike }: RoundOptions): Promise<RoundResult> {
  const client = shopClient(url, 64);
  const striking = strike();
  try {
    const before = new Map<string, Stock>();
    for (const product of products) {
      await client.setStock(product, 100_000);
      before.set(product, (await client.stock(product)) as Stock);
    }
    const played = await cancelSome(client, await play(client, placingsOf(run, orders), 24, () => {}));
    const settledAt = performance.now();
    await striking.over();
    const killedAt = striking.killedAt();
    return {
      killed: killedAt !== undefined,
      orders: played.length,
      recoveredMs: killedAt === undefined ? 0 : Math.max(0, settledAt - killedAt),
      reconciliation: await reconcile(client, played, before),
    };
  } finally {
    await striking.over();
    await client.close();
  }
}
