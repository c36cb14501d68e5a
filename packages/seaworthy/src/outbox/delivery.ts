import type { Delivered, UnreadableMessage } from '../bus/bus.ts';
import type { Envelope } from '../bus/envelope.ts';
import { scope } from '../core/abort.ts';
import type { Span } from '../core/observe.ts';
import { attempt, type Subscription, type Verdict } from './attempt.ts';
import type { Consuming } from './consuming.ts';
import { bury, buryMessage } from './dead-letter.ts';
import { EventRefused } from './errors.ts';
import { settleFailure } from './failure.ts';
import { arrivalOf, mark } from './inbox.ts';
import { isHeld, park } from './parked.ts';
import type { Processed } from './process.ts';
import { suspect, suspicionOf } from './suspects.ts';

/** What is thrown away with an event of which processes died. */
export const crashed = (type: string, id: string, deaths: number): EventRefused =>
  new EventRefused(`${deaths} processes died while they had ${type} ${id} in hand: correct its handler or its data, and redrive it`);

/** What a process does with the events of one topic that the bus delivers to it. */
export interface Receiving<T> {
  /** Handles an event. Resolves once it is marked together with its effects, parked, or buried. */
  handle(subscription: Subscription<T>, envelope: Envelope, delivered: Delivered, span: Span): Promise<Processed>;
  /** Keeps an event that another process knows how to handle, in its order. */
  keep(envelope: Envelope, delivered: Delivered): Promise<void>;
  /** Puts a message that is not an event into the dead letters. */
  unreadable(message: UnreadableMessage, delivered: Delivered): Promise<void>;
}

export function receiving<T>(parts: Consuming<T>, topic: string, parked: () => void): Receiving<T> {
  const { store, runtime, service, cut } = parts;
  const { clock } = runtime;

  /** One attempt; undefined when the event is one of those of which too many processes died. */
  async function attempted(
    subscription: Subscription<T>,
    envelope: Envelope,
    { signal, position = '' }: Delivered,
    span: Span,
  ): Promise<Verdict> {
    const line = { consumer: service, topic, key: envelope.partitionkey };
    const arrived = { consumer: service, topic, event: envelope.id, position };
    return attempt({
      ...parts,
      subscription,
      envelope,
      number: 1,
      span,
      parents: [signal, cut],
      async admit(tx) {
        const now = clock.now();
        if (!(await mark(tx, arrived, now))) return 'repeat';
        if (!(await isHeld(tx, line))) return undefined;
        const arrival = await arrivalOf(tx, arrived);
        await park(tx, { line, arrival, envelope, attempts: 0, history: [], at: now, dueMs: undefined });
        return 'behind';
      },
    });
  }

  /**
   * An event that a member which died may have had in hand is written down before it is handled. The second time it is handled
   * alone, since it may be another one that kills the process, and after too many deaths it is not handled at all.
   */
  async function suspected(
    subscription: Subscription<T>,
    envelope: Envelope,
    delivered: Delivered,
    span: Span,
  ): Promise<Verdict | { readonly kind: 'crashed'; readonly error: EventRefused }> {
    const { id, type } = envelope;
    const { deaths, taken } = await suspicionOf(store.sqlRead, service, id);
    if (taken) return attempted(subscription, envelope, delivered, span);
    const waiting = scope({ clock, parents: [delivered.signal, cut] });
    let giveBack = (): void => {};
    try {
      if (deaths > 0) giveBack = await parts.alone.take(waiting.signal);
      if (deaths + 1 >= parts.crashes) return { kind: 'crashed', error: crashed(type, id, deaths + 1) };
      await store.transaction((tx) => suspect(store.sql(tx), service, id, deaths + 1), { signal: waiting.signal });
      return await attempted(subscription, envelope, delivered, span);
    } finally {
      giveBack();
      waiting.end();
    }
  }

  return {
    async handle(subscription, envelope, delivered, span) {
      const { id } = envelope;
      const line = { consumer: service, topic, key: envelope.partitionkey };
      const arrived = { consumer: service, topic, event: id, position: delivered.position ?? '' };
      runtime.reached('inbox/handle/before');
      const verdict = await (delivered.orphaned ? suspected : attempted)(subscription, envelope, delivered, span);
      runtime.reached('inbox/handle/after');
      if (verdict.kind === 'done') return [verdict.outcome];
      if (verdict.kind === 'failed' && parts.closing()) throw verdict.error;

      const result = await settleFailure(
        parts,
        {
          event: { line, arrival: 0, envelope, attempts: 0, history: [] },
          error: verdict.error,
          refused: verdict.kind === 'refused' ? verdict.reason : verdict.kind === 'crashed' ? 'crashed' : undefined,
          span,
        },
        {
          write: (work) => store.transaction((tx) => work(store.sql(tx)), { signal: cut }),
          async park(tx, event, dueMs, now) {
            // A member that only stalled may come here long after another member handled the event.
            if (!(await mark(tx, arrived, now))) return 'repeat';
            const arrival = await arrivalOf(tx, arrived);
            await park(tx, { ...event, arrival, at: now, dueMs: (await isHeld(tx, line)) ? undefined : dueMs });
            return 'parked';
          },
          async bury(tx, event, reason, now) {
            if (!(await mark(tx, arrived, now))) return 'repeat';
            await bury(tx, { ...event, arrival: await arrivalOf(tx, arrived) }, reason, now);
            return 'buried';
          },
        },
      );
      if (result[0] === 'parked') parked();
      return result;
    },
    async keep(envelope, { position = '' }) {
      const line = { consumer: service, topic, key: envelope.partitionkey };
      const arrived = { consumer: service, topic, event: envelope.id, position };
      await store.transaction(
        async (tx) => {
          const own = store.sql(tx);
          const now = clock.now();
          if (!(await mark(own, arrived, now))) return;
          const event = { line, arrival: await arrivalOf(own, arrived), envelope, attempts: 0, history: [] };
          await park(own, { ...event, at: now, dueMs: (await isHeld(own, line)) ? undefined : now });
        },
        { signal: cut },
      );
    },
    async unreadable(message, { position = '' }) {
      const arrived = { consumer: service, topic, event: message.id, position };
      runtime.reached('inbox/bury/before');
      await store.transaction(
        async (tx) => {
          const sql = store.sql(tx);
          const now = clock.now();
          if (await mark(sql, arrived, now)) await buryMessage(sql, arrived, await arrivalOf(sql, arrived), message, now);
        },
        { signal: cut },
      );
      runtime.reached('inbox/bury/after');
    },
  };
}
