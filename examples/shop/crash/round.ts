import { type Placing, type Played, play } from '../replay/play.ts';
import { type Reconciliation, reconcile } from '../replay/reconcile.ts';
import { type ShopClient, type Stock, shopClient } from '../replay/shop-client.ts';

/** What happens to the shop while orders are in progress. */
export interface Blow {
  /** The name for the report. */
  readonly name: string;
  /** Resolves once nothing but the shop itself keeps its orders from being settled. */
  deal(): Promise<void>;
  /** Puts back what the shop can do without. Called once all orders are settled. */
  mend(): Promise<void>;
}

/** A blow and its moment. */
export interface Strike {
  /** The time of the blow, and the time when it was over, by `performance.now()`; `undefined` before. */
  readonly struckMs: () => number | undefined;
  readonly dealtMs: () => number | undefined;
  /** Deals no blow from now on. Resolves once everything runs as before. */
  readonly over: () => Promise<void>;
}

/** Deals a blow after `ms`. */
export function strikeAfter(ms: number, { deal, mend }: Omit<Blow, 'name'>): Strike {
  let struck: number | undefined;
  let dealt: number | undefined;
  let dealing: Promise<void> | undefined;
  let mended: Promise<void> | undefined;
  const timer = setTimeout(() => {
    struck = performance.now();
    dealing = deal().then(() => {
      dealt = performance.now();
    });
    // Whoever waits for the end of the strike hears of it.
    dealing.catch(() => {});
  }, ms);
  return {
    struckMs: () => struck,
    dealtMs: () => dealt,
    over() {
      clearTimeout(timer);
      mended ??= dealing?.then(mend);
      return mended ?? Promise.resolve();
    },
  };
}

export interface RoundOptions {
  /** The URL of the shop. */
  readonly url: string;
  /** A prefix that distinguishes the orders of this round. */
  readonly run: string;
  readonly orders: number;
  /** Called when the load starts. */
  readonly strike: () => Strike;
}

export interface RoundResult {
  /** Whether the blow fell while orders were in progress. */
  readonly struck: boolean;
  readonly orders: number;
  /** The time from the end of the blow until the last order was settled that was sent before the blow. */
  readonly recoveredMs: number;
  /** The number of orders that were cancelled, by reason. */
  readonly cancelled: Readonly<Record<string, number>>;
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

const cancelWithinMs = 60_000;

/** Cancels some confirmed orders and waits until they are cancelled. One that is not, in time, is found when the books are compared. */
async function cancelSome(shop: ShopClient, played: readonly Played[]): Promise<readonly Played[]> {
  const chosen = new Set(played.filter(({ status }, index) => status === 'confirmed' && index % 4 === 0));
  return Promise.all(
    played.map(async (one) => {
      if (!chosen.has(one)) return one;
      await shop.cancel(one.orderId as string);
      const until = performance.now() + cancelWithinMs;
      for (;;) {
        const { order } = await shop.order(one.orderId as string);
        if (order.status === 'cancelled' || performance.now() > until) return { ...one, status: 'cancelled', reason: order.reason };
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }),
  );
}

function countedBy<T>(of: readonly T[], name: (one: T) => string | undefined): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of of) {
    const key = name(one);
    if (key !== undefined) counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** Places orders while `strike` deals its blow, and reconciles the books. */
export async function round({ url, run, orders, strike }: RoundOptions): Promise<RoundResult> {
  const client = shopClient(url, 64);
  const striking = strike();
  try {
    const stock = new Map<string, Stock>();
    for (const product of products) {
      await client.setStock(product, 100_000);
      stock.set(product, (await client.stock(product)) as Stock);
    }
    const placed = await play(client, placingsOf(run, orders), 24, () => {});
    const played = await cancelSome(client, placed);
    await striking.over();
    const [struckMs, dealtMs] = [striking.struckMs(), striking.dealtMs()];
    const before = placed.filter(({ beganMs }) => beganMs <= (struckMs ?? 0));
    const settledMs = Math.max(0, ...before.map(({ beganMs, settledMs }) => beganMs + settledMs));
    return {
      struck: struckMs !== undefined,
      orders: played.length,
      recoveredMs: Math.max(0, settledMs - (dealtMs ?? settledMs)),
      cancelled: countedBy(played, ({ status, reason }) => (status === 'cancelled' ? (reason ?? 'no reason') : undefined)),
      reconciliation: await reconcile(client, played, stock),
    };
  } finally {
    await striking.over();
    await client.close();
  }
}
