import type { Runtime } from 'seaworthy/core';
import { sleep } from 'seaworthy/core';
import type { Cards, Charged } from '../payments/cards.ts';

interface Charge {
  readonly orderId: string;
  readonly amount: number;
  state: 'captured' | 'declined' | 'refunded' | 'void';
}

/** The books of a card processor in memory, which outlive the processes of the shop. */
export interface CardBooks {
  readonly charges: Map<string, Charge>;
  readonly tries: Map<string, number>;
}

export const cardBooks = (): CardBooks => ({ charges: new Map(), tries: new Map() });

/** No answer came, so the outcome is unknown. */
class NoAnswer extends Error {}

/** Makes a client of the card processor for one process of the shop, over a network that loses some requests and answers. */
export function cardsIn({ charges, tries }: CardBooks, { clock, random }: Runtime): Cards {
  /** Sends a request, which may be lost, as may its answer. */
  async function ask<T>(signal: AbortSignal, work: () => T): Promise<T> {
    await sleep(clock, 5 + random.next() * 100, signal);
    if (random.next() < 0.05) throw new NoAnswer('the request was lost');
    const answer = work();
    await sleep(clock, 5 + random.next() * 100, signal);
    if (random.next() < 0.05) throw new NoAnswer('the answer was lost');
    return answer;
  }

  function take(key: string, orderId: string, amount: number, token: string): Charge {
    const known = charges.get(key);
    if (known) return known;
    const tried = (tries.get(key) ?? 0) + 1;
    tries.set(key, tried);
    if (token === 'tok_down' || (token === 'tok_flaky' && tried <= 2)) throw new NoAnswer('the bank of this card does not answer');
    const made: Charge = { orderId, amount, state: token === 'tok_declined' ? 'declined' : 'captured' };
    charges.set(key, made);
    if (token === 'tok_slow') throw new NoAnswer('the answer came too late');
    return made;
  }

  /** Retries until there is an answer; an aborted or dead caller stops. */
  async function voided(key: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        return await ask(signal, () => {
          const known = charges.get(key);
          if (!known) charges.set(key, { orderId: '', amount: 0, state: 'void' });
          else if (known.state === 'captured') known.state = 'refunded';
        });
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        await sleep(clock, 250, signal);
      }
    }
  }

  return {
    policies: [],
    async charge({ key, orderId, amount, token, withinMs, signal }): Promise<Charged> {
      for (const until = clock.monotonic() + withinMs; clock.monotonic() < until; ) {
        try {
          const { state } = await ask(signal, () => take(key, orderId, amount, token));
          if (state === 'captured') return { state, paymentId: `ch-${key}` };
          return { state: state === 'declined' ? 'declined' : 'void' };
        } catch (error) {
          if (!(error instanceof NoAnswer)) throw error;
          await sleep(clock, 250 + random.next() * 1000, signal);
        }
      }
      await voided(key, signal);
      return { state: 'void' };
    },
    void: ({ key, signal }) => voided(key, signal),
    async capturesOf({ orderId }) {
      const own = [...charges].filter(([, charge]) => charge.orderId === orderId);
      return own.flatMap(([key, { amount, state }]) =>
        state === 'captured' || state === 'refunded' ? [{ paymentId: `ch-${key}`, amount, state }] : [],
      );
    },
    close: async () => {},
  };
}
