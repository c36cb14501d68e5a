import type { Delivered } from '../bus/bus.ts';
import type { Envelope } from '../bus/envelope.ts';
import { scope } from '../core/abort.ts';
import type { Span } from '../core/observe.ts';
import { attempt, type Subscription, type Verdict } from './attempt.ts';
import type { Consuming } from './consuming.ts';
import { bury, type Reason } from './dead-letter.ts';
import { EventRefused } from './errors.ts';
import { recordedError } from './history.ts';
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
}

export function receiving<T>(parts: Consuming<T>, topic: string, parked: () => void): Receiving<T> {
  const { store, runtime, service, cut } = parts;
  const { clock, random } = runtime;

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
      const { id, type } = envelope;
      const line = { consumer: service, topic, key: envelope.partitionkey };
      const arrived = { consumer: service, topic, event: id, position: delivered.position ?? '' };
      runtime.reached('inbox/handle/before');
      const verdict = await (delivered.orphaned ? suspected : attempted)(subscription, envelope, delivered, span);
      runtime.reached('inbox/handle/after');
      if (verdict.kind === 'done') return [verdict.outcome];
      if (verdict.kind === 'failed' && parts.closing()) throw verdict.error;

      const now = clock.now();
      const history = [{ attempt: 1, at: now, error: recordedError(verdict.error) }];
      const waitMs = verdict.kind === 'failed' ? parts.ladder.waitMs(1, random) : undefined;
      const reason: Reason = verdict.kind === 'refused' ? verdict.reason : verdict.kind;
      const point = waitMs === undefined ? 'bury' : 'park';
      runtime.reached(`inbox/${point}/before`);
      const outcome = await store.transaction(
        async (tx) => {
          const own = store.sql(tx);
          // A member that only stalled may come here when another has had the event long since.
          if (!(await mark(own, arrived, now))) return 'repeat';
          const event = { line, arrival: await arrivalOf(own, arrived), envelope, attempts: 1, history };
          if (waitMs === undefined) await bury(own, event, reason, now);
          else await park(own, { ...event, at: now, dueMs: (await isHeld(own, line)) ? undefined : now + waitMs });
          return waitMs === undefined ? 'buried' : 'parked';
        },
        { signal: cut },
      );
      runtime.reached(`inbox/${point}/after`);
      runtime.observe.log('warn', `${type} was ${outcome}`, { id, service, reason, error: verdict.error }, span.trace);
      if (outcome === 'parked') parked();
      return [outcome, verdict.error];
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
  };
}
