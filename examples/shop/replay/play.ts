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

/** Places orders, `concurrency` at one time, and waits until each is settled. */
export async function play(
  shop: ShopClient,
  placings: readonly Placing[],
  concurrency: number,
  progress: (played: Played) => void,
): Promise<readonly Played[]> {
  const results: Played[] = [];
  let next = 0;
  /** What settling took lately: asking much earlier would only make it slower. */
  let usualMs = 30;

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
      for (let wait = Math.max(10, usualMs * 0.8); since() < settleWithinMs; wait = Math.min(500, Math.max(20, usualMs * 0.3, wait))) {
        await delay(wait);
        const { order: seen } = await shop.order(orderId);
        if (seen.status === 'pending') continue;
        usualMs += (Math.min(1000, since() - placedMs) - usualMs) * 0.1;
        return ended(seen.status, seen.reason);
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
