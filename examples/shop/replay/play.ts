import type { Item } from '../shapes.ts';
import type { ShopClient } from './shop-client.ts';

/** An order with its idempotency key. */
export interface Placing {
  readonly key: string;
  readonly customerId: string | undefined;
  readonly items: readonly Item[];
  readonly paymentToken: string;
}

/** The result of an order. */
export interface Played {
  readonly placing: Placing;
  /** The id of the order; `undefined` when it could not be placed, for the reason in `error`. */
  readonly orderId: string | undefined;
  readonly status: 'pending' | 'confirmed' | 'cancelled' | undefined;
  readonly reason: string | undefined;
  readonly error: unknown;
  /** When the order was sent, by `performance.now()`. */
  readonly beganMs: number;
  /** The milliseconds from sending the order to its acceptance, and until the client saw it settled. */
  readonly placedMs: number;
  readonly settledMs: number;
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The time after which an order that is not settled is reported as pending. */
const settleWithinMs = 60_000;
/** The steps by which the first poll moves earlier or later, so that nineteen of twenty orders are settled at their first poll. */
const sooner = 0.9995;
const later = 1.01;
/** The longest time between two polls. */
const longestMs = 1000;

/** The pace that a client has learned. */
export interface Pace {
  /** The time after which most orders are settled. Earlier polls would slow the shop down, later ones would leave it idle. */
  usualMs: number;
}

/** Places orders, `concurrency` at one time, and waits until each is settled. Starts with the `pace` of an earlier run, if given. */
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
      beganMs: began,
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
