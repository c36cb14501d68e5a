import { type Attachable, breaker, policy, retry, timeout } from 'seaworthy/resilience';
import { Pool } from 'undici';

/** What the card processor said of a charge. `void`: it did not happen, and can not happen any more. */
export type Charged =
  | { readonly state: 'captured'; readonly paymentId: string }
  | { readonly state: 'declined' }
  /** The order was charged before, and not with this amount on this card. */
  | { readonly state: 'otherwise' }
  | { readonly state: 'void' };

/** The card processor, a third party, reached over HTTP and nothing else. */
export interface Cards {
  /** Charges once under `key`. After `withinMs` without an answer it makes the key void, so that the outcome is certain. */
  charge(charge: {
    readonly key: string;
    readonly orderId: string;
    readonly amount: number;
    readonly token: string;
    readonly withinMs: number;
    readonly signal: AbortSignal;
  }): Promise<Charged>;
  /** Gives a capture back, or sees to it that there never is one. */
  void(charge: { readonly key: string; readonly signal: AbortSignal }): Promise<void>;
  /** What guards all this, for whoever runs it to report on. */
  readonly policies: readonly Attachable[];
  capturesOf(order: { readonly orderId: string; readonly signal: AbortSignal }): Promise<Capture[]>;
  close(): Promise<void>;
}

export interface Capture {
  readonly paymentId: string;
  readonly amount: number;
  readonly state: 'captured' | 'refunded';
}

/** The processor said something that its documentation does not promise. */
class Unexpected extends Error {}

/** Worth another try: the processor is not well, or nobody knows what it did. */
class Unwell extends Error {}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/**
 * Speaks to the processor at `url`, which is asked for at the first request. Each request has 2 s; a charge is repeated under
 * its key, with backoff, until it is given up. The breaker looks at the rate of failures, so that a few cards whose bank is down do not stop the others.
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
        // Nobody knows what became of it: made void, it is certain that nothing did, or does.
        if (signal.aborted || error instanceof Unexpected) throw error;
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
