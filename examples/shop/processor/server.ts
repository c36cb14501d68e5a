import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Books, Charge } from './books.ts';

/** A refusal with its status. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const shown = ({ chargeId, key, orderId, amount, state }: Charge): object => ({ chargeId, key, orderId, amount, state });

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > 10_000) throw new Refused(413, 'body: is larger than 10 kB');
  }
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Readonly<Record<string, unknown>>;
  } catch {
    throw new Refused(400, 'body: is not JSON');
  }
  throw new Refused(400, 'body: must be a JSON object');
}

function text(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value.length > 0 && value.length <= 200) return value;
  throw new Refused(400, `${name}: must be a text of 1 to 200 characters`);
}

function amountOf(fields: Readonly<Record<string, unknown>>): number {
  const { amount } = fields;
  if (typeof amount === 'number' && Number.isSafeInteger(amount) && amount >= 0) return amount;
  throw new Refused(400, 'amount: must be a whole number of minor units, 0 or more');
}

function keyOf(request: IncomingMessage): string {
  const key = request.headers['idempotency-key'];
  if (typeof key === 'string' && /^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw new Refused(400, 'Idempotency-Key: must be given, 1 to 200 visible ASCII characters');
}

export interface ProcessorOptions {
  readonly books: Books;
  /** The time after which the first request with `tok_slow` is answered. Default 6 s. */
  readonly slowMs?: number;
}

/** Makes a card processor with an HTTP API: a third party that shares no code with the shop. */
export function processor({ books, slowMs = 6000 }: ProcessorOptions): Server {
  /** The charges in progress by key: the number of requests, and whether a slow one is still delayed. */
  const tries = new Map<string, number>();

  async function charge(request: IncomingMessage): Promise<[number, object]> {
    const key = keyOf(request);
    const fields = await bodyOf(request);
    const asked = { key, orderId: text(fields, 'orderId'), amount: amountOf(fields), token: text(fields, 'token') };
    const known = books.find(key);
    if (known) return answer(known, asked);
    if (asked.token === 'tok_down') throw new Refused(503, 'the bank of this card does not answer');
    if (asked.token === 'tok_flaky') {
      const tried = (tries.get(key) ?? 0) + 1;
      tries.set(key, tried);
      if (tried <= 2) throw new Refused(503, 'the bank of this card does not answer');
      tries.delete(key);
    }
    const made = await books.add({ ...asked, state: asked.token === 'tok_declined' ? 'declined' : 'captured' });
    if (asked.token === 'tok_slow') await new Promise((resolve) => setTimeout(resolve, slowMs).unref());
    return answer(made, asked);
  }

  function answer(charge: Charge, asked: { readonly orderId: string; readonly amount: number; readonly token: string }): [number, object] {
    if (charge.state === 'void') throw new Refused(410, 'the key is void');
    if (charge.orderId !== asked.orderId || charge.amount !== asked.amount || charge.token !== asked.token) {
      throw new Refused(422, 'Idempotency-Key: was used for another charge');
    }
    if (charge.state === 'declined') return [402, { declined: 'the bank of this card declines', key: charge.key }];
    return [200, shown(charge)];
  }

  async function route(request: IncomingMessage): Promise<[number, object]> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://processor');
    const [, collection, encoded, action, ...rest] = pathname.split('/');
    if (collection === 'health' && encoded === undefined) return [200, { status: 'ready' }];
    if (collection !== 'charges' || rest.length > 0) throw new Refused(404, `there is no ${pathname} here`);
    if (encoded === undefined && request.method === 'POST') return charge(request);
    if (encoded === undefined && request.method === 'GET') {
      const orderId = searchParams.get('orderId');
      if (!orderId) throw new Refused(400, 'orderId: must be given');
      return [200, { charges: books.capturesOf(orderId).map(shown) }];
    }
    const key = decodeURIComponent(encoded ?? '');
    if (action === 'void' && request.method === 'POST') return [200, shown(await books.void(key))];
    if (action === undefined && request.method === 'GET') {
      const known = books.find(key);
      if (!known) throw new Refused(404, 'there is no charge under this key');
      return [200, shown(known)];
    }
    throw new Refused(405, `${pathname} does not allow ${request.method}`);
  }

  function send(response: ServerResponse, status: number, body: object): void {
    response
      .writeHead(status, { 'content-type': status >= 400 && status !== 402 ? 'application/problem+json' : 'application/json' })
      .end(JSON.stringify(body));
  }

  return createServer((request, response) => {
    route(request)
      .then(([status, body]) => send(response, status, body))
      .catch((error: unknown) => {
        const status = error instanceof Refused ? error.status : error instanceof URIError ? 400 : 500;
        send(response, status, { type: 'about:blank', title: 'Refused', status, detail: (error as Error).message });
      });
  });
}
