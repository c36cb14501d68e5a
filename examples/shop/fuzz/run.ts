import { type ShopClient, shopClient } from '../replay/shop-client.ts';
import { spawnShop } from '../spawn.ts';
import { aimed } from './aim.ts';
import { beside } from './beside.ts';
import { type Memory, watch } from './memory.ts';
import { findings } from './verdict.ts';
import { exchange } from './wire.ts';

export interface FuzzOptions {
  readonly dir: string;
  readonly seed: number;
  readonly requests: number;
  /** The number of the only request to send. Default all. */
  readonly only?: number | undefined;
  /** The number of connections at one time. Default 16. */
  readonly concurrency?: number;
  readonly progress?: (sent: number) => void;
}

export interface FuzzResult {
  readonly seed: number;
  /** The number of hostile connections. */
  readonly sent: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly memory: Memory;
  /** The number of good orders. */
  readonly orders: number;
  /** The number of orders that the shop accepted among the hostile requests. */
  readonly taken: number;
  readonly seconds: number;
  /** The findings, each with the request that shows it; empty if there are none. */
  readonly findings: readonly string[];
}

/** The limit on resident memory, in MiB. */
const mostMemory = 400;
const settleWithinMs = 60_000;

/** Waits until the shop has settled an accepted order, and returns what is wrong with it. */
async function settled(shop: ShopClient, orderId: string): Promise<string | undefined> {
  const until = Date.now() + settleWithinMs;
  for (;;) {
    const { order } = await shop.order(orderId);
    if (order.status !== 'pending') {
      const captured = (await shop.captures(orderId)).filter(({ state }) => state === 'captured');
      const due = order.status === 'confirmed' ? 1 : 0;
      return captured.length === due ? undefined : `the order ${orderId} is ${order.status} with ${captured.length} captures`;
    }
    if (Date.now() > until) return `the order ${orderId} was taken and never settled`;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Starts the shop, sends hostile requests to every port while good orders are placed, and reports the findings. */
export async function fuzz({ dir, seed, requests, only, concurrency = 16, progress = () => {} }: FuzzOptions): Promise<FuzzResult> {
  const shop = await spawnShop({ dir, env: { SEAWORTHY_PORTS: '1' } });
  const client = shopClient(shop.url, 32);
  const ports = new Map(Object.entries({ ...shop.services, gateway: shop.url }).map(([name, url]) => [name, Number(new URL(url).port)]));
  const found: string[] = [];
  const answers: Record<string, number> = {};
  const taken: string[] = [];
  let died: number | string | undefined;
  void shop.ended.then((how) => {
    died = how;
  });
  let next = only ?? 0;
  const end = only === undefined ? requests : only + 1;
  const began = performance.now();

  async function worker(): Promise<void> {
    while (next < end && died === undefined) {
      const one = aimed(seed, next++);
      const came = await exchange(ports.get(one.target.name) as number, one.shot);
      for (const { status, body } of came.answers) {
        answers[status] = (answers[status] ?? 0) + 1;
        if (status === 202 && body.includes('"pending"') && body.includes('orderId'))
          taken.push((JSON.parse(body) as { orderId: string }).orderId);
      }
      const what = `#${one.index} ${one.shot.name} to ${one.spot.method} ${one.spot.path} of ${one.target.name}`;
      found.push(...(await findings(one, came)).map((finding) => `${what}: ${finding}`));
      if (died !== undefined) found.push(`${what}: the shop ended with ${died}`);
      progress(one.index);
    }
  }

  try {
    const good = await beside(client, seed);
    const memoryOf = await watch(shop.url);
    const done = new AbortController();
    const placing = good.placeUntil(done.signal);
    await Promise.all(Array.from({ length: concurrency }, worker));
    done.abort();
    const sent = end - (only ?? 0);
    if (died !== undefined)
      return { seed, sent, answers, memory: { start: 0, peak: 0, end: 0 }, orders: 0, taken: taken.length, seconds: 0, findings: found };
    await placing;
    const lost = await Promise.all([...new Set(taken)].map((orderId) => settled(client, orderId)));
    found.push(...lost.filter((finding) => finding !== undefined));
    const { orders, reconciliation } = await good.reconcile();
    found.push(...reconciliation.differences);
    const memory = await memoryOf();
    if (memory.peak > mostMemory) found.push(`the shop took ${memory.peak} MiB of memory, more than ${mostMemory}`);
    return { seed, sent, answers, memory, orders, taken: taken.length, seconds: (performance.now() - began) / 1000, findings: found };
  } finally {
    await client.close();
    const how = await shop.stop();
    if (how !== 0) found.push(`the shop ended with ${how}`);
  }
}
