import { type Played, play } from '../replay/play.ts';
import { type Reconciliation, reconcile } from '../replay/reconcile.ts';
import type { ShopClient, Stock } from '../replay/shop-client.ts';

const products = ['lantern', 'mug', 'hanger'];
const tokens: Readonly<Record<number, string>> = { 3: 'tok_declined', 7: 'tok_flaky' };

/** Places good orders while hostile requests are sent. */
export interface Beside {
  /** Places orders in lots until the signal aborts, at least one lot. */
  placeUntil(signal: AbortSignal): Promise<void>;
  /** Reconciles the books with the placed orders. */
  reconcile(): Promise<{ readonly orders: number; readonly reconciliation: Reconciliation }>;
}

export async function beside(shop: ShopClient, seed: number): Promise<Beside> {
  const before = new Map<string, Stock>();
  for (const product of products) {
    await shop.setStock(product, 10_000_000);
    before.set(product, (await shop.stock(product)) as Stock);
  }
  const played: Played[] = [];
  const lot = (from: number): Promise<readonly Played[]> => {
    const placings = Array.from({ length: 20 }, (_, index) => ({
      key: `beside/${seed}/${from + index}`,
      customerId: undefined,
      items: products.slice(0, 1 + (index % 3)).map((productId, line) => ({ productId, quantity: 1 + line, unitPrice: 100 + index })),
      paymentToken: tokens[index % 10] ?? 'tok_ok',
    }));
    return play(shop, placings, 4, () => {});
  };
  return {
    async placeUntil(signal) {
      do played.push(...(await lot(played.length)));
      while (!signal.aborted);
    },
    reconcile: async () => ({ orders: played.length, reconciliation: await reconcile(shop, played, before, 8) }),
  };
}
