import { Pool } from 'undici';
import type { Item } from '../shapes.ts';

export interface OrderPage {
  readonly order: {
    readonly orderId: string;
    readonly status: 'pending' | 'confirmed' | 'cancelled';
    readonly reason?: string;
    readonly total: number;
  };
  readonly payment?: { readonly amount: number; readonly state: string };
  readonly reservation?: { readonly items: readonly Item[] };
}
export interface Stock {
  readonly available: number;
  readonly reserved: number;
}
export interface Captured {
  readonly paymentId: string;
  readonly amount: number;
  readonly state: 'captured' | 'refunded';
}

/** The shop refused a request; the error has the status and the problem document. */
export class ShopRefused extends Error {
  override readonly name = 'ShopRefused';
  readonly status: number;
  constructor(what: string, status: number, body: string) {
    super(`${what} was answered ${status}: ${body.slice(0, 500)}`);
    this.status = status;
  }
}

/** A client of the HTTP API of the shop. */
export interface ShopClient {
  setStock(productId: string, available: number): Promise<void>;
  stock(productId: string): Promise<Stock | undefined>;
  place(
    order: { readonly customerId?: string | undefined; readonly items: readonly Item[]; readonly paymentToken: string },
    key: string,
  ): Promise<string>;
  order(orderId: string): Promise<OrderPage>;
  cancel(orderId: string): Promise<void>;
  captures(orderId: string): Promise<readonly Captured[]>;
  close(): Promise<void>;
}

const patienceMs = 60_000;

/** Makes a client of the shop at `url`. Transient failures (no connection, 429, 5xx) are retried for up to a minute under the same key. */
export function shopClient(url: string, connections = 128): ShopClient {
  const pool = new Pool(url, { connections, headersTimeout: 30_000, bodyTimeout: 30_000 });

  async function once(
    method: 'GET' | 'PUT' | 'POST',
    path: string,
    body: unknown,
    key: string | undefined,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const response = await pool.request({
      method,
      path,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...(key !== undefined && { 'idempotency-key': key }) },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return { status: response.statusCode, text: await response.body.text() };
  }

  async function request(
    method: 'GET' | 'PUT' | 'POST',
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const until = Date.now() + patienceMs;
    for (let wait = 20; ; wait = Math.min(1000, wait * 2)) {
      let last: unknown;
      try {
        const response = await once(method, path, body, key);
        if (response.status !== 429 && response.status !== 409 && response.status < 500) return response;
        last = new ShopRefused(`${method} ${path}`, response.status, response.text);
      } catch (error) {
        last = error;
      }
      if (Date.now() + wait > until) throw last;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  async function json<T>(method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown, key?: string): Promise<T> {
    const { status, text } = await request(method, path, body, key);
    if (status >= 300) throw new ShopRefused(`${method} ${path}`, status, text);
    return JSON.parse(text) as T;
  }

  const stockPath = (productId: string): string => `/api/products/${encodeURIComponent(productId)}/stock`;
  return {
    async setStock(productId, available) {
      await json('PUT', stockPath(productId), { available });
    },
    async stock(productId) {
      const { status, text } = await request('GET', stockPath(productId));
      if (status === 404) return undefined;
      if (status !== 200) throw new ShopRefused(`GET ${stockPath(productId)}`, status, text);
      return JSON.parse(text) as Stock;
    },
    place: async (order, key) => (await json<{ orderId: string }>('POST', '/api/orders', order, key)).orderId,
    order: (orderId) => json('GET', `/api/orders/${orderId}`),
    async cancel(orderId) {
      await json('POST', `/api/orders/${orderId}/cancel`);
    },
    captures: async (orderId) => (await json<{ payments: Captured[] }>('GET', `/api/orders/${orderId}/payments`)).payments,
    close: () => pool.close(),
  };
}
