import { type Placing, type Played, play } from '../replay/play.ts';
import { type Reconciliation, reconcile } from '../replay/reconcile.ts';
import { type ShopClient, type Stock, shopClient } from '../replay/shop-client.ts';

/** What kills, while orders are under way, and brings back. */
export interface Strike {
  /** When it killed, by `performance.now()`; `undefined` as long as it has not. */
  readonly killedAt: () => number | undefined;
  /** Kills no more, and resolves once what it killed is back. */
  readonly over: () => Promise<void>;
}

export interface RoundParts {
  /** Of the shop. */
  readonly url: string;
  /** Makes the orders of this round its own. */
  readonly run: string;
  readonly orders: number;
  /** Begins the killing; called when the load does. */
  readonly strike: () => Strike;
}

export interface RoundResult {
  /** Whether something was killed while orders were under way. */
  readonly killed: boolean;
  readonly orders: number;
  /** From the kill to the last of its orders being settled. */
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

/** Cancels some confirmed orders and waits until they are. */
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

/** Plays orders while `strike` does its worst, and holds the books against each other. */
export async function round({ url, run, orders, strike }: RoundParts): Promise<RoundResult> {
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
