import { createServer } from 'node:net';
import { type Placing, type Played, play } from '../replay/play.ts';
import { type Reconciliation, reconcile } from '../replay/reconcile.ts';
import { type ShopClient, type Stock, shopClient } from '../replay/shop-client.ts';
import { type SpawnedShop, spawnShop } from '../spawn.ts';

/** How a round kills the shop. */
export type Kill =
  /** After so many milliseconds of load. */
  | { readonly kind: 'time'; readonly ms: number }
  /** By itself, at the `nth` arrival at a named point. */
  | { readonly kind: 'point'; readonly point: string; readonly nth: number };

export interface RoundResult {
  /** Whether it was killed while orders were under way. */
  readonly killed: boolean;
  readonly orders: number;
  /** From the kill to the last of its orders being settled. */
  readonly recoveredMs: number;
  readonly reconciliation: Reconciliation;
}

const products = ['lantern', 'mug', 'hanger'];

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

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

/** Plays orders on `dir`, kills the shop once while they are under way, starts it again, and holds the books against each other. */
export async function round({
  dir,
  run,
  kill,
  orders = 120,
}: {
  readonly dir: string;
  readonly run: string;
  readonly kill: Kill;
  readonly orders?: number;
}): Promise<RoundResult> {
  const port = await freePort();
  const env = { PORT: String(port), LOG_LEVEL: 'info', SEAWORTHY_CRASH_AT: kill.kind === 'point' ? `${kill.point}:${kill.nth}` : '' };
  let shop: SpawnedShop = await spawnShop({ dir, env });
  const client = shopClient(`http://127.0.0.1:${port}`, 64);
  let killedAt: number | undefined;
  let restarted: Promise<void> = Promise.resolve();
  const watched = shop;
  restarted = watched.ended.then(async (how) => {
    if (how !== 'SIGKILL') return;
    killedAt = performance.now();
    shop = await spawnShop({ dir, env: { ...env, SEAWORTHY_CRASH_AT: '' } });
  });
  const timer = kill.kind === 'time' ? setTimeout(() => void watched.kill(), kill.ms) : undefined;
  try {
    const before = new Map<string, Stock>();
    for (const product of products) {
      await client.setStock(product, 100_000);
      before.set(product, (await client.stock(product)) as Stock);
    }
    const played = await cancelSome(client, await play(client, placingsOf(run, orders), 24, () => {}));
    const settledAt = performance.now();
    clearTimeout(timer);
    const reconciliation = await reconcile(client, played, before);
    if (killedAt !== undefined) await restarted;
    return {
      killed: killedAt !== undefined,
      orders: played.length,
      recoveredMs: killedAt === undefined ? 0 : Math.max(0, settledAt - killedAt),
      reconciliation,
    };
  } finally {
    clearTimeout(timer);
    await client.close();
    await shop.stop();
  }
}
