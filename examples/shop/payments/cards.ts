import { type Attachable, breaker, policy, retry, timeout } from 'seaworthy/resilience';
import { Pool } from 'undici';

/** The outcome of a charge. `void`: it did not happen, and can no longer happen. */
export type Charged =
  | { readonly state: 'captured'; readonly paymentId: string }
  | { readonly state: 'declined' }
  /** The order was charged before with another amount or card. */
  | { readonly state: 'otherwise' }
  | { readonly state: 'void' };

/** A client of the card processor, which is a third party with an HTTP API. */
export interface Cards {
  /**
   * Charges once under `key`. After `withinMs` without an answer it takes the outcome that the processor has, or voids the key, so that the
   * outcome is certain.
   */
  charge(charge: {
    readonly key: string;
    readonly orderId: string;
    readonly amount: number;
    readonly token: string;
    readonly withinMs: number;
    readonly signal: AbortSignal;
  }): Promise<Charged>;
  /** Refunds a capture, or prevents it if it has not happened. */
  void(charge: { readonly key: string; readonly signal: AbortSignal }): Promise<void>;
  /** The policy around all requests, for the `policies` of a service. */
  readonly policies: readonly Attachable[];
  capturesOf(order: { readonly orderId: string; readonly signal: AbortSignal }): Promise<Capture[]>;
  close(): Promise<void>;
}

export interface Capture {
  readonly paymentId: string;
  readonly amount: number;
  readonly state: 'captured' | 'refunded';
}

/** A charge as the processor shows it. */
interface Shown {
  readonly chargeId: string;
  readonly orderId: string;
  readonly amount: number;
  readonly state: 'captured' | 'declined' | 'refunded' | 'void';
}

/** The processor gave an answer that its documentation does not describe. */
class Unexpected extends Error {}

/** The processor failed, or its outcome is unknown; the request is retried. */
class Unwell extends Error {}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/**
 * Makes a client of the processor at `url`, which is called at the first request. Each request has 2 s. A charge is retried under its key
 * with backoff until `withinMs` has passed. The breaker opens by the rate of failures, so that a few cards whose bank is down do not stop
 * the others.
 */
export function cards(url: () => string): Cards {
  let pool: Pool | undefined;
  const opened = (): Pool => {
    pool ??= new Pool(url(), { connections: 100, connect: { timeout: 2000 } });
    return pool;
  };
  const health = breaker({
    name: 'card-processor',
    failureRate: 0.5,
    minimumCalls: 20,
    window: '10s',
    openFor: '2s',
    successes: 2,
    probeFailures: 3,
  });
  const once = policy(health, timeout('2s'));
  const often = policy(retry({ attempts: 1000, base: '250ms', cap: '2s' }), health, timeout('2s'));

  async function send(method: 'GET' | 'POST', path: string, signal: AbortSignal, key?: string, body?: unknown): Promise<Reply> {
    const response = await opened().request({
      method,
      path,
      signal,
      headers: { ...(key !== undefined && { 'idempotency-key': key }), ...(body !== undefined && { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    if (response.statusCode >= 500) throw new Unwell(`the card processor answered ${response.statusCode} to ${method} ${path}`);
    return { status: response.statusCode, body: text === '' ? undefined : JSON.parse(text) };
  }

  const unexpected = (reply: Reply, what: string): Unexpected =>
    new Unexpected(`the card processor answered ${reply.status} to ${what}: ${JSON.stringify(reply.body)}`);

  /** Returns what the processor knows of a charge; `undefined` when it has not received it. */
  const known = async (key: string, asked: { orderId: string; amount: number }, signal: AbortSignal): Promise<Charged | undefined> => {
    const path = `/charges/${encodeURIComponent(key)}`;
    const reply = await often((attempt) => send('GET', path, attempt.signal), { signal, key: `read ${key}` });
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw unexpected(reply, path);
    const { chargeId, orderId, amount, state } = reply.body as Shown;
    if (state === 'void' || state === 'refunded') return { state: 'void' };
    if (orderId !== asked.orderId || amount !== asked.amount) return { state: 'otherwise' };
    return state === 'captured' ? { state, paymentId: chargeId } : { state };
  };

  const voided = async (key: string, signal: AbortSignal): Promise<void> => {
    const path = `/charges/${encodeURIComponent(key)}/void`;
    const reply = await often((attempt) => send('POST', path, attempt.signal, key), { signal, key: `void ${key}` });
    if (reply.status !== 200) throw unexpected(reply, path);
  };

  return {
    policies: [once, often],
    async charge({ key, orderId, amount, token, withinMs, signal }) {
      const patience = AbortSignal.timeout(Math.max(0, Math.ceil(withinMs)));
      try {
        const reply = await often((attempt) => send('POST', '/charges', attempt.signal, key, { orderId, amount, token }), {
          signal: AbortSignal.any([signal, patience]),
          key,
        });
        if (reply.status === 402) return { state: 'declined' };
        if (reply.status === 422) return { state: 'otherwise' };
        if (reply.status === 410) return { state: 'void' };
        if (reply.status !== 200 && reply.status !== 201) throw unexpected(reply, 'a charge');
        return { state: 'captured', paymentId: String((reply.body as { chargeId: string }).chargeId) };
      } catch (error) {
        if (signal.aborted || error instanceof Unexpected) throw error;
        // No answer came, or the shop could not write it in time: its database may have been away for longer than the patience.
        const charged = await known(key, { orderId, amount }, signal);
        if (charged) return charged;
        // The outcome of the charge is unknown. Once it is void, it has not happened and cannot happen.
        await voided(key, signal);
        return { state: 'void' };
      }
    },
    void: ({ key, signal }) => voided(key, signal),
    async capturesOf({ orderId, signal }) {
      const path = `/charges?orderId=${encodeURIComponent(orderId)}`;
      const reply = await once((attempt) => send('GET', path, attempt.signal), { signal });
      if (reply.status !== 200) throw unexpected(reply, path);
      const { charges } = reply.body as { charges: { chargeId: string; amount: number; state: 'captured' | 'refunded' }[] };
      return charges.map(({ chargeId, amount, state }) => ({ paymentId: chargeId, amount, state }));
    },
    close: async () => void (await pool?.close()),
  };
}
