import type { Bus, Subscription as BusSubscription } from '../bus/bus.ts';
import { type Envelope, typeOf } from '../bus/envelope.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Span } from '../core/observe.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { attempt, type Subscription } from './attempt.ts';
import type { Consuming } from './consuming.ts';
import { bury } from './dead-letter.ts';
import { SubscriptionInvalid } from './errors.ts';
import { recordedError } from './history.ts';
import { housekeeping } from './housekeeping.ts';
import { mark } from './inbox.ts';
import { type LadderOptions, ladder } from './ladder.ts';
import { isHeld, park } from './parked.ts';
import { type Follow, type Processed, processSpan } from './process.ts';
import { retries } from './retries.ts';

export interface ConsumerOptions {
  /** How often an event is attempted before it goes to the dead letters. Default 5 attempts, 1 s doubling to 1 min, full jitter. */
  readonly retry?: LadderOptions;
  /** How many events of one topic may be in hand at once, and how many that are parked. Default 64. */
  readonly concurrency?: number;
  /** How long one run of a handler may take; then it is rolled back and counts as failed. Default 30 s. */
  readonly timeout?: Duration;
  /** How long an event is remembered as handled. Default 7 d. */
  readonly remember?: Duration;
  /** Whether handling an event is part of the trace that published it, or of one of its own that links there. Default `parent`. */
  readonly follow?: Follow;
  /** How often it looks for parked events that others left or redrove. Default 1 s. */
  readonly poll?: Duration;
}

export interface ConsumerParts<T> extends ConsumerOptions {
  readonly store: Store<T, unknown>;
  readonly bus: Bus;
  readonly runtime: Runtime;
  readonly worker: Worker;
  /** Who consumes; the consumer group has the same name. */
  readonly service: string;
  readonly subscriptions: readonly Subscription<T>[];
}

/** Handles the events of other services, each with its effects once. */
export interface Consumer {
  /** Looks at once for parked events that are due, such as redriven ones. */
  wake(): void;
  /** Takes nothing new; waits for what is in hand. What `signal` cuts short is rolled back and comes again: it is no failure. */
  close(signal?: AbortSignal): Promise<void>;
}

function byType<T>(subscriptions: readonly Subscription<T>[]): Map<string, Subscription<T>> {
  const map = new Map<string, Subscription<T>>();
  for (const one of subscriptions) {
    const type = typeOf(one.event.service, one.event.name);
    if (map.has(type)) throw new SubscriptionInvalid(`${type} is subscribed to twice: do both in one handler, which is one transaction`);
    map.set(type, one);
  }
  return map;
}

/** Handles what the bus delivers; resolves once the event is marked together with its effects, parked, or buried. */
function delivery<T>(
  parts: Consuming<T>,
  topic: string,
  parked: () => void,
): (subscription: Subscription<T>, envelope: Envelope, signal: AbortSignal, span: Span) => Promise<Processed> {
  const { store, runtime, service, cut } = parts;
  const { clock, random } = runtime;

  return async (subscription, envelope, signal, span) => {
    const line = { consumer: service, topic, key: envelope.partitionkey };
    runtime.reached('inbox/handle/before');
    const verdict = await attempt({
      ...parts,
      subscription,
      envelope,
      number: 1,
      span,
      parents: [signal, cut],
      async admit(tx) {
        const now = clock.now();
        if (!(await mark(tx, service, envelope.id, now))) return 'repeat';
        if (!(await isHeld(tx, line))) return undefined;
        await park(tx, {
          line,
          envelope,
          attempts: 0,
          history: [],
          at: now,
          dueMs: undefined,
        });
        return 'behind';
      },
    });
    runtime.reached('inbox/handle/after');
    if (verdict.kind === 'done') return [verdict.outcome];
    if (verdict.kind === 'failed' && parts.closing()) throw verdict.error;

    const now = clock.now();
    const history = [{ attempt: 1, at: now, error: recordedError(verdict.error) }];
    const event = { line, envelope, attempts: 1, history };
    const waitMs = verdict.kind === 'failed' ? parts.ladder.waitMs(1, random) : undefined;
    const reason = verdict.kind === 'refused' ? verdict.reason : 'failed';
    const point = waitMs === undefined ? 'bury' : 'park';
    runtime.reached(`inbox/${point}/before`);
    const outcome = await store.transaction(
      async (tx) => {
        const own = store.own(tx);
        // A member that only stalled may come here when another has had the event long since.
        if (!(await mark(own, service, envelope.id, now))) return 'repeat';
        if (waitMs === undefined) await bury(own, event, reason, now);
        else
          await park(own, {
            ...event,
            at: now,
            dueMs: (await isHeld(own, line)) ? undefined : now + waitMs,
          });
        return waitMs === undefined ? 'buried' : 'parked';
      },
      { signal: cut },
    );
    runtime.reached(`inbox/${point}/after`);
    const told = { id: envelope.id, service, reason, error: verdict.error };
    runtime.observe.log('warn', `${envelope.type} was ${outcome}`, told, span.trace);
    if (outcome === 'parked') parked();
    return [outcome, verdict.error];
  };
}

type Settings<T> = Pick<Consuming<T>, 'ladder' | 'subscriptions' | 'timeoutMs' | 'pollMs'> & { readonly rememberMs: number };

/** What a consumer is told, checked; nothing is begun. Throws `SubscriptionInvalid`. */
export const consumerSettings = <T>({
  retry,
  subscriptions,
  timeout = '30s',
  remember = '7d',
  poll = '1s',
}: ConsumerOptions & Pick<ConsumerParts<T>, 'subscriptions'>): Settings<T> => ({
  ladder: ladder(retry),
  subscriptions: byType(subscriptions),
  timeoutMs: milliseconds(timeout, 'consumer.timeout'),
  pollMs: milliseconds(poll, 'consumer.poll'),
  rememberMs: milliseconds(remember, 'consumer.remember'),
});

/**
 * Subscribes to the topics of the given events. Resolves once the group is registered with all of them: what is published
 * from then on will be handled. Throws `SubscriptionInvalid` when two are for the same event.
 */
export async function consumer<T>(given: ConsumerParts<T>): Promise<Consumer> {
  const { store, bus, runtime, worker, service, concurrency = 64, follow = 'parent' } = given;
  const { observe } = runtime;
  const { rememberMs, ...settings } = consumerSettings(given);
  const cut = new AbortController();
  let closing = false;
  const parts: Consuming<T> = {
    store,
    runtime,
    worker,
    service,
    ...settings,
    concurrency,
    follow,
    cut: cut.signal,
    closing: () => closing,
  };
  const retrying = retries(parts);
  const keeping = housekeeping({ store, runtime, service, rememberMs });
  const topics = [...new Set(given.subscriptions.map(({ event }) => event.service))];

  async function subscribe(topic: string): Promise<BusSubscription> {
    const deliver = delivery(parts, topic, retrying.wake);
    return bus.subscribe({
      topic,
      group: service,
      concurrency,
      async handle(envelope, { signal }) {
        const subscription = parts.subscriptions.get(envelope.type);
        if (!subscription) return observe.count('seaworthy_inbox_unknown_total', { service });
        const span = processSpan('seaworthy_inbox_handle', parts, envelope.type, envelope);
        try {
          span.end(...(await deliver(subscription, envelope, signal, span)));
        } catch (error) {
          span.end('again', error);
          throw error;
        }
      },
    });
  }

  const open: BusSubscription[] = [];
  async function close(signal?: AbortSignal): Promise<void> {
    closing = true;
    const abort = (): void => cut.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    try {
      await Promise.all([retrying.stop(), keeping.stop(), ...open.map((one) => one.close(signal))]);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  try {
    for (const topic of topics) open.push(await subscribe(topic));
  } catch (error) {
    await close(AbortSignal.abort(error));
    throw error;
  }
  return { wake: retrying.wake, close };
}
