import type { Delivered, UnreadableMessage } from '../bus/bus.ts';
import type { Envelope } from '../bus/envelope.ts';
import { scope } from '../core/abort.ts';
import type { Span } from '../core/observe.ts';
import { type AttemptResult, attempt, type Subscription } from './attempt.ts';
import type { AttemptOutcome } from './attempt-span.ts';
import type { Consuming } from './consuming.ts';
import { deadLetter, deadLetterMessage } from './dead-letter.ts';
import { EventRefused } from './errors.ts';
import { settleFailure } from './failure.ts';
import { arrivalOf, mark } from './inbox.ts';
import { park, queueBehind } from './parked.ts';
import { suspect, suspicionOf } from './suspects.ts';

/** The error of an event during which too many processes died. */
export const crashed = (type: string, id: string, deaths: number): EventRefused =>
  new EventRefused(`${deaths} processes died while ${type} ${id} was in flight: correct its handler or its data, and redrive it`);

/** Takes the deliveries of one topic from the bus. */
export interface Receiving<T> {
  /** Handles an event. Resolves once its effects are committed with its mark, or it is parked or a dead letter. */
  handle(subscription: Subscription<T>, envelope: Envelope, delivered: Delivered, span: Span): Promise<AttemptOutcome>;
  /** Parks an event that another process subscribes to, in the order of its key. */
  keep(envelope: Envelope, delivered: Delivered): Promise<void>;
  /** Puts a message that is not an event into the dead letters. */
  unreadable(message: UnreadableMessage, delivered: Delivered): Promise<void>;
}

export function receiving<T>(deps: Consuming<T>, topic: string): Receiving<T> {
  const { store, runtime, service, cut } = deps;
  const { clock } = runtime;

  /** Attempts an event for the first time. */
  async function attempted(
    subscription: Subscription<T>,
    envelope: Envelope,
    { signal, position = '' }: Delivered,
    span: Span,
  ): Promise<AttemptResult> {
    const orderingKey = { consumer: service, topic, key: envelope.partitionkey };
    const arrived = { consumer: service, topic, event: envelope.id, position };
    return attempt({
      ...deps,
      subscription,
      envelope,
      number: 1,
      span,
      parents: [signal, cut],
      async admit(tx) {
        const now = clock.now();
        if (!(await mark(tx, arrived, now))) return 'repeat';
        if (!(await queueBehind(tx, orderingKey))) return undefined;
        const arrival = await arrivalOf(tx, arrived);
        await park(tx, { orderingKey, arrival, envelope, attempts: 0, history: [], at: now, dueMs: undefined });
        return 'behind';
      },
    });
  }

  /**
   * Attempts an event that was perhaps in flight when a member died. The death is recorded before the handler runs. From the second
   * death on the event is handled alone, since another event may be the one that kills; after too many deaths it is not handled.
   */
  async function suspected(
    subscription: Subscription<T>,
    envelope: Envelope,
    delivered: Delivered,
    span: Span,
  ): Promise<AttemptResult | { readonly kind: 'crashed'; readonly error: EventRefused }> {
    const { id, type } = envelope;
    const { deaths, taken } = await suspicionOf(store.sqlRead, service, id);
    if (taken) return attempted(subscription, envelope, delivered, span);
    const waiting = scope({ clock, parents: [delivered.signal, cut] });
    let giveBack = (): void => {};
    try {
      if (deaths > 0) giveBack = await deps.alone.take(waiting.signal);
      if (deaths + 1 >= deps.crashes) return { kind: 'crashed', error: crashed(type, id, deaths + 1) };
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
      const orderingKey = { consumer: service, topic, key: envelope.partitionkey };
      const arrived = { consumer: service, topic, event: id, position: delivered.position ?? '' };
      runtime.reached('inbox/handle/before');
      const verdict = await (delivered.orphaned ? suspected : attempted)(subscription, envelope, delivered, span);
      runtime.reached('inbox/handle/after');
      if (verdict.kind === 'done') return [verdict.outcome];
      if (verdict.kind === 'failed' && deps.closing()) throw verdict.error;

      const result = await settleFailure(
        deps,
        {
          event: { orderingKey, arrival: 0, envelope, attempts: 0, history: [] },
          error: verdict.error,
          refused: verdict.kind === 'refused' ? verdict.reason : verdict.kind === 'crashed' ? 'crashed' : undefined,
          span,
        },
        {
          write: (work) => store.transaction((tx) => work(store.sql(tx)), { signal: cut }),
          async park(tx, event, dueMs, now) {
            // A member that only stalled may come here long after another member has handled the event.
            if (!(await mark(tx, arrived, now))) return 'repeat';
            const arrival = await arrivalOf(tx, arrived);
            await park(tx, { ...event, arrival, at: now, dueMs: (await queueBehind(tx, orderingKey)) ? undefined : dueMs });
            return 'parked';
          },
          async deadLetter(tx, event, reason, now) {
            if (!(await mark(tx, arrived, now))) return 'repeat';
            await deadLetter(tx, { ...event, arrival: await arrivalOf(tx, arrived) }, reason, now);
            return 'dead_letter';
          },
        },
      );
      return result;
    },
    async keep(envelope, { position = '' }) {
      const orderingKey = { consumer: service, topic, key: envelope.partitionkey };
      const arrived = { consumer: service, topic, event: envelope.id, position };
      await store.transaction(
        async (tx) => {
          const sql = store.sql(tx);
          const now = clock.now();
          if (!(await mark(sql, arrived, now))) return;
          const event = { orderingKey, arrival: await arrivalOf(sql, arrived), envelope, attempts: 0, history: [] };
          await park(sql, { ...event, at: now, dueMs: (await queueBehind(sql, orderingKey)) ? undefined : now });
        },
        { signal: cut },
      );
    },
    async unreadable(message, { position = '' }) {
      const arrived = { consumer: service, topic, event: message.id, position };
      runtime.reached('inbox/dead-letter/before');
      await store.transaction(
        async (tx) => {
          const sql = store.sql(tx);
          const now = clock.now();
          if (await mark(sql, arrived, now)) await deadLetterMessage(sql, arrived, await arrivalOf(sql, arrived), message, now);
        },
        { signal: cut },
      );
      runtime.reached('inbox/dead-letter/after');
    },
  };
}
