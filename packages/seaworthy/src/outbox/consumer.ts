import type { Bus, Subscription as BusSubscription } from '../bus/bus.ts';
import { typeOf } from '../bus/envelope.ts';
import { disposable } from '../core/disposable.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { together } from '../core/ends.ts';
import { checkOptions, type OptionNames } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import type { TraceRelation } from '../core/span-link.ts';
import type { Isolation, Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import type { Subscription } from './attempt.ts';
import { attemptSpan } from './attempt-span.ts';
import type { Consuming } from './consuming.ts';
import { receiving } from './delivery.ts';
import { SubscriptionInvalid } from './errors.ts';
import { housekeeping } from './housekeeping.ts';
import { againMs, retries } from './retries.ts';
import { type RetryScheduleOptions, retrySchedule } from './retry-schedule.ts';
import { subscribed } from './subscribed.ts';
import { aloneOn } from './suspects.ts';

export interface ConsumerOptions {
  /** How often an event is attempted before it becomes a dead letter. Default 5 attempts, 1 s doubling to 1 min, full jitter. */
  readonly retry?: RetryScheduleOptions;
  /** How many events of one topic may be in flight at once, and how many parked ones. Default 64. */
  readonly concurrency?: number;
  /**
   * How long one run of a handler may take before it is rolled back as a failed attempt. The runs that conflicts repeat take at most ten
   * times as long together. Default 30 s.
   */
  readonly timeout?: Duration;
  /** How long the mark of a handled event is kept at least. A mark is always kept while the bus may redeliver its event. Default 7 d. */
  readonly inboxRetention?: Duration | undefined;
  /** How many processes may die while one event is in flight before it becomes a dead letter, 2 or more. Default 5. */
  readonly crashes?: number;
  /**
   * How long an event is kept that no process of the service subscribes to any more, before it becomes a dead letter. Later events
   * of its key wait with it. Events of its type that arrive after this time are passed over. Default 10 min.
   */
  readonly unhandledAfter?: Duration;
  /** Whether the handling of an event is part of the trace that published it, or has a trace of its own that links there. Default `parent`. */
  readonly follow?: TraceRelation;
  /**
   * How often the consumer looks for parked events that other processes left or redrove, when nothing wakes it. Default 10 s while the store
   * hears other processes, else 1 s.
   */
  readonly poll?: Duration;
}

export const consumerNames: OptionNames<ConsumerOptions> = {
  ...{ retry: { attempts: true, base: true, cap: true }, concurrency: true, timeout: true, inboxRetention: true, crashes: true },
  ...{ unhandledAfter: true, follow: true, poll: true },
};
const depsNames: OptionNames<ConsumerDeps<unknown>> = {
  ...consumerNames,
  ...{ store: true, bus: true, runtime: true, worker: true, service: true, subscriptions: true, isolation: true },
};

export interface ConsumerDeps<T> extends ConsumerOptions {
  readonly store: Store<T, unknown>;
  readonly bus: Bus;
  readonly runtime: Runtime;
  readonly worker: Worker;
  /** The name of the consumer and of its consumer group. */
  readonly service: string;
  readonly subscriptions: readonly Subscription<T>[];
  /** The isolation of the transactions of handlers. Default `serializable`. */
  readonly isolation?: Isolation | undefined;
}

/** Handles the events of other services. The effects of each event take place once. */
export interface Consumer extends AsyncDisposable {
  /** Takes nothing new and waits for the events in flight. When `signal` aborts they are rolled back and redelivered, which is not a failed attempt. */
  close(signal?: AbortSignal): Promise<void>;
}

function byType<T>(subscriptions: readonly Subscription<T>[]): Map<string, Subscription<T>> {
  const map = new Map<string, Subscription<T>>();
  for (const one of subscriptions) {
    const type = typeOf(one.event.service, one.event.name);
    if (map.has(type))
      throw new SubscriptionInvalid(
        `${type} has two subscriptions; an event has one handler: do both in one handler, which is one transaction`,
      );
    map.set(type, one);
  }
  return map;
}

type Settings<T> = Pick<Consuming<T>, 'schedule' | 'subscriptions' | 'timeoutMs' | 'pollMs' | 'crashes'> & {
  readonly inboxRetentionMs: number;
  readonly unhandledMs: number;
};

/** Checks the options of a consumer and fills in the defaults. It begins nothing. Throws `SubscriptionInvalid`. */
export function consumerSettings<T>({
  retry,
  subscriptions,
  timeout = '30s',
  inboxRetention = '7d',
  crashes = 5,
  unhandledAfter = '10m',
  poll,
}: ConsumerOptions & Pick<ConsumerDeps<T>, 'subscriptions'>): Settings<T> {
  if (!Number.isSafeInteger(crashes) || crashes < 2)
    throw new SubscriptionInvalid(
      `consumer.crashes must be a whole number from 2 on, got ${crashes}: one death blames every event in flight`,
    );
  return {
    schedule: retrySchedule(retry),
    subscriptions: byType(subscriptions),
    timeoutMs: milliseconds(timeout, 'consumer.timeout'),
    pollMs: poll === undefined ? undefined : milliseconds(poll, 'consumer.poll'),
    inboxRetentionMs: milliseconds(inboxRetention, 'consumer.inboxRetention'),
    crashes,
    unhandledMs: milliseconds(unhandledAfter, 'consumer.unhandledAfter'),
  };
}

/**
 * Subscribes to the topics of the given events. Resolves once the group is registered on all of them: every event that is published
 * from then on will be handled. Throws `SubscriptionInvalid` when two subscriptions are for the same event.
 */
export async function consumer<T>(given: ConsumerDeps<T>): Promise<Consumer> {
  checkOptions('consumer', given, depsNames);
  const { store, bus, runtime, worker, service, concurrency = 64, follow = 'parent', isolation } = given;
  const { observe } = runtime;
  const { inboxRetentionMs, unhandledMs, ...settings } = consumerSettings(given);
  const cut = new AbortController();
  let closing = false;
  const deps: Consuming<T> = {
    store,
    runtime,
    worker,
    service,
    ...settings,
    concurrency,
    follow,
    isolation,
    alone: aloneOn(bus),
    cut: cut.signal,
    closing: () => closing,
  };
  const retrying = retries(deps);
  const types = [...deps.subscriptions.keys()];
  const known = subscribed({ store, runtime, worker, service, types });
  const longestMs = Math.max(deps.schedule.longestMs, againMs(deps));
  const keeping = housekeeping({
    store,
    bus,
    runtime,
    worker,
    service,
    inboxRetentionMs,
    unhandledMs,
    longestMs,
    types,
    renew: known.renew,
  });
  const logged = new Set<string>();
  const topics = [...new Set(given.subscriptions.map(({ event }) => event.service))];

  /** Logs a message once for each type. */
  function logOnce(level: 'info' | 'warn', type: string, message: string): void {
    if (logged.has(`${type} ${message}`)) return;
    logged.add(`${type} ${message}`);
    observe.log(level, message, { service, event: type });
  }

  async function subscribe(topic: string): Promise<BusSubscription> {
    const { handle, keep, unreadable } = receiving(deps, topic);
    return bus.subscribe({
      topic,
      group: service,
      concurrency,
      unreadable,
      async handle(envelope, delivered) {
        const { type } = envelope;
        const subscription = deps.subscriptions.get(type);
        if (!subscription) {
          const elsewhere = await known.elsewhere(type);
          observe.count('seaworthy_inbox_unknown_total', { service });
          if (!elsewhere) return logOnce('info', type, `${type} is passed over: no process of this service subscribes to it`);
          logOnce('warn', type, `${type} is kept for other processes of this service: the code of this one does not subscribe to it`);
          return keep(envelope, delivered);
        }
        const span = attemptSpan('seaworthy_inbox_handle', deps, type, envelope);
        try {
          span.end(...(await handle(subscription, envelope, delivered, span)));
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
      await together([retrying.close(signal), keeping.close(), ...open.map((one) => one.close(signal))]);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  try {
    await known.enter();
    // At once: a member may need seconds to join its group.
    await together(topics.map(async (topic) => void open.push(await subscribe(topic))));
  } catch (error) {
    await close(AbortSignal.abort(error));
    throw error;
  }
  return disposable({ close });
}
