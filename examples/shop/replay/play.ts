import type { Item } from '../shapes.ts';
import type { ShopClient } from './shop-client.ts';

/** An order to place, under its key. */
export interface Placing {
  readonly key: string;
  readonly customerId: string | undefined;
  readonly items: readonly Item[];
  readonly paymentToken: string;
}

/** What became of one. */
export interface Played {
  readonly placing: Placing;
  /** `undefined` when it could not be placed; then `error` says why. */
  readonly orderId: string | undefined;
  readonly status: 'pending' | 'confirmed' | 'cancelled' | undefined;
  readonly reason: string | undefined;
  readonly error: unknown;
  /** Milliseconds from sending it to its acceptance, and to its being settled as seen from here. */
  readonly placedMs: number;
  readonly settledMs: number;
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** How long an order may take to settle before it is reported as pending. */
const settleWithinMs = 60_000;
/** By how much an order that is settled, or is not, when it is first asked for moves the time after which the next one is: so nineteen of twenty are. */
const sooner = 0.9995;
const later = 1.01;
/** The longest time between two questions. */
const longestMs = 1000;

/** What a client has learned of a shop. */
export interface Pace {
  /** When most orders are settled: asking much earlier would only make it slower, asking much later would leave the shop idle. */
  usualMs: number;
}

/** Places orders, `concurrency` at one time, and waits until each is settled. Goes on at the `pace` of an earlier play, if given. */
export async function play(
  shop: ShopClient,
  placings: readonly Placing[],
  concurrency: number,
  progress: (played: Played) => void,
  pace: Pace = { usualMs: 30 },
): Promise<readonly Played[]> {
  const results: Played[] = [];
  let next = 0;

  async function one(placing: Placing): Promise<Played> {
    const began = performance.now();
    const since = (): number => performance.now() - began;
    let orderId: string | undefined;
    let placedMs = 0;
    const ended = (status: Played['status'], reason?: string, error?: unknown): Played => ({
      placing,
      orderId,
      status,
      reason,
      error,
      placedMs,
      settledMs: since(),
    });
    try {
      const { key, ...order } = placing;
      orderId = await shop.place(order, key);
      placedMs = since();
      let wait = Math.min(longestMs, pace.usualMs);
      for (let asked = 0; since() < settleWithinMs; asked++) {
        await delay(wait);
        const { order: seen } = await shop.order(orderId);
        const settled = seen.status !== 'pending';
        if (asked === 0) pace.usualMs = Math.max(10, pace.usualMs * (settled ? sooner : later));
        if (settled) return ended(seen.status, seen.reason);
        wait = Math.min(longestMs, asked === 0 ? Math.max(10, pace.usualMs / 5) : wait * 1.5);
      }
      return ended('pending');
    } catch (error) {
      return ended(undefined, undefined, error);
    }
  }

  async function worker(): Promise<void> {
    while (next < placings.length) {
      const played = await one(placings[next++] as Placing);
      results.push(played);
      progress(played);
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, placings.length) }, worker));
  return results;
}
