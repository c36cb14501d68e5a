import type { Bus } from '../bus/bus.ts';
import type { Caller } from '../client/caller.ts';
import type { Endpoint } from '../client/transport.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { inTurn, together } from '../core/ends.ts';
import type { Loop } from '../core/loop.ts';
import type { OptionNames } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import type { TraceRelation } from '../core/span-link.ts';
import { type ConsumerOptions, consumer, consumerNames, consumerSettings } from '../outbox/consumer.ts';
import { collector } from '../outbox/outbox.ts';
import { type Relay, type RelayOptions, relay, relayNames } from '../outbox/relay.ts';
import { aloneOn } from '../outbox/suspects.ts';
import { outboxMigrations } from '../outbox/tables.ts';
import { SagaEngine } from '../saga/engine.ts';
import { forgetEnded, sagaMigrations } from '../saga/saga-store.ts';
import { claimStore } from '../store/owner.ts';
import type { Store, StoreDriver } from '../store/store.ts';
import { worker as registerWorker, workerMigrations } from '../store/worker.ts';
import { endpoint } from './endpoint.ts';
import { ServiceUnready } from './errors.ts';
import { ExternalDriver } from './external/driver.ts';
import { intentMigrations } from './external/intent-table.ts';
import type { ExternalCommand } from './external/prepare.ts';
import { externalOf } from './handler.ts';
import type { Health, Phase } from './health.ts';
import { forget, forgetSteps, idempotencyMigrations } from './idempotency.ts';
import { reportLeftover } from './leftover.ts';
import { reactions } from './reaction.ts';
import { type Retained, retention } from './retention.ts';
import type { Service } from './service.ts';
import { tombstoneMigrations } from './tombstone.ts';
import type { Collectors } from './unit-of-work.ts';

/** A service that runs in this process. */
export interface RunningService {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly health: Health;
  /** Checks whether this code can continue the sagas and intents that earlier code left; changes nothing. Throws what must refuse the start. */
  verify(): Promise<void>;
  /** Takes calls from now on. Call it when all services of the process are verified, and before one of them begins. */
  admit(): void;
  /** Verifies and admits, unless that is done; subscribes, continues what an earlier process left, and becomes ready. */
  begin(): Promise<void>;
  /** Reports itself as unready from now on, and still does all its work. */
  retire(): void;
  /** Does the first half of a stop: it becomes unready and begins no work of its own. It still answers calls. `signal` aborts what runs. */
  quiesce(signal: AbortSignal): Promise<void>;
  /** Does the second half of a stop: it refuses calls, waits for those in flight, and closes its store. `signal` aborts them. */
  close(signal: AbortSignal): Promise<void>;
}

export interface RunDeps {
  readonly runtime: Runtime;
  /** The store of its data, unless the service has one of its own. */
  readonly store: StoreDriver;
  readonly bus: Bus;
  readonly call: Caller;
}

/** How long a service keeps the rows by which it recognises repeats. */
export interface RetentionOptions {
  /** How long the answer to an idempotency key is kept. Default 24 h. */
  readonly idempotency?: Duration;
  /**
   * How long the answer to a call of a saga's step is kept, and the tombstone of an undone step. A saga that waits for its callee, for
   * a verdict, or for its process to be restarted repeats its calls later than others do. Default 90 d.
   */
  readonly steps?: Duration;
  /** How long the inbox recognises a redelivered event, at least. It must not be shorter than the bus redelivers. Default 7 d. */
  readonly inbox?: Duration;
  /** How long an ended saga is kept. Until then its key does not start another one. Default 90 d. */
  readonly sagas?: Duration;
}

/** The options of a service's sagas in one process. */
export interface SagaRunOptions {
  /** How many sagas are active at one time in one process, at most. Default 256. */
  readonly concurrency?: number;
  /** After how many deaths of processes during one step of a saga, or its undo, it is not run again; 3 or more. Default 5. */
  readonly crashes?: number;
  /** Whether the steps of a saga are part of the trace that started it (`parent`), or have traces of their own that link to it. Default `parent`. */
  readonly tracing?: TraceRelation;
}

/** The options of a service in one process. */
export interface RunOptions {
  readonly retention?: RetentionOptions;
  readonly sagas?: SagaRunOptions;
  readonly relay?: RelayOptions;
  readonly consumer?: Omit<ConsumerOptions, 'inboxRetention'>;
}

const { inboxRetention: _, ...ownConsumerNames } = consumerNames;
export const runNames: OptionNames<RunOptions> = {
  retention: { idempotency: true, steps: true, inbox: true, sagas: true } satisfies OptionNames<RetentionOptions>,
  sagas: { concurrency: true, crashes: true, tracing: true } satisfies OptionNames<SagaRunOptions>,
  relay: relayNames,
  consumer: ownConsumerNames,
};

/** Opens a service and migrates its store. It does no work of its own until `begin`. */
export async function run(service: Service, deps: RunDeps & RunOptions): Promise<RunningService> {
  const name = service.contract['~contract'];
  const store = (await ((service.store as StoreDriver | undefined) ?? deps.store).open(name, deps.runtime)) as Store<unknown, unknown>;
  const detachments = service.policies.map((policy) => policy.attach(deps.runtime));
  const detach = (): void => {
    for (const one of detachments) one();
  };
  try {
    const running = await runOn(store, service, deps);
    return { ...running, close: (signal) => running.close(signal).finally(detach) };
  } catch (error) {
    detach();
    await store.close();
    throw error;
  }
}

async function runOn(
  store: Store<unknown, unknown>,
  service: Service,
  {
    runtime,
    bus,
    call,
    retention: { idempotency = '24h', steps = '90d', inbox, sagas: endedSagas = '90d' } = {},
    sagas: { concurrency, crashes, tracing } = {},
    ...options
  }: RunDeps & RunOptions,
): Promise<RunningService> {
  const { isolation } = service;
  const name = service.contract['~contract'];
  const retained: readonly Retained[] = [
    { ms: milliseconds(idempotency, 'retention.idempotency'), forget },
    { ms: milliseconds(steps, 'retention.steps'), forget: forgetSteps },
    { ms: milliseconds(endedSagas, 'retention.sagas'), forget: forgetEnded },
  ];
  await claimStore(store, { kind: 'service', name });
  await store.migrate([
    ...workerMigrations,
    ...outboxMigrations,
    ...sagaMigrations,
    ...idempotencyMigrations,
    ...tombstoneMigrations,
    ...intentMigrations,
    ...service.migrations,
  ]);
  const worker = await registerWorker(store, runtime);
  if (options.relay?.poll !== undefined) milliseconds(options.relay.poll, 'relay.poll');
  if (inbox !== undefined) milliseconds(inbox, 'retention.inbox');
  let relaying: Relay | undefined;
  const { maxBytes } = bus.features;
  const sagas = new SagaEngine({
    store,
    runtime,
    contract: service.contract,
    sagas: service.sagas,
    call,
    worker,
    concurrency,
    crashes,
    alone: aloneOn(bus),
    follow: tracing,
    maxBytes,
    isolation,
  });
  const collectors: Collectors = {
    publishing: (tx, trace) =>
      collector(service.contract, runtime, { tx: store.sql(tx), trace, maxBytes }) as ReturnType<Collectors['publishing']>,
    starting: (tx, trace) => sagas.collect(tx, trace),
  };
  const operations = service.contract as unknown as Readonly<Record<string, Operation & Bound>>;
  const commands = new Map<string, ExternalCommand>();
  for (const [of, handler] of Object.entries(service.handlers)) {
    const outward = externalOf(handler);
    if (outward) commands.set(of, { operation: operations[of] as Operation & Bound, handler: outward });
  }
  const externals = new ExternalDriver({ store, runtime, collectors, isolation, owner: worker, alone: aloneOn(bus), commands });

  let phase: Phase = 'starting';
  let admitting = false;
  const admit = (): void => {
    if (admitting) return;
    throw new ServiceUnready(`the service ${name} is ${phase === 'closed' ? 'stopping' : 'starting'}`, { retryAfterMs: 1000 });
  };
  const calls = endpoint({ service, store, runtime, collectors, isolation, externals, admit });
  const subscriptions = reactions(service, { store, runtime, collectors, isolation });
  const consumed = { ...options.consumer, inboxRetention: inbox, subscriptions, isolation };
  async function check(): Promise<void> {
    consumerSettings(consumed);
    await externals.verify();
    await sagas.verify();
  }
  let verified: Promise<void> | undefined;
  const verify = (): Promise<void> => {
    verified ??= check();
    return verified;
  };
  let consuming: { close(signal?: AbortSignal): Promise<void> } | undefined;
  let retaining: Loop | undefined;

  return {
    name,
    endpoint: calls,
    health: { phase: () => phase, checks: () => ({ store: store.condition(), heartbeat: worker.condition(), bus: bus.condition() }) },
    verify,
    admit() {
      admitting = true;
    },
    async begin() {
      await verify();
      admitting = true;
      await reportLeftover(store, runtime, worker);
      consuming = await consumer({ ...consumed, store, bus, runtime, worker, service: name });
      relaying = relay({ ...options.relay, store, bus, runtime, worker, service: name });
      externals.begin();
      await sagas.begin();
      retaining = retention(store, runtime, retained);
      phase = 'ready';
    },
    retire() {
      phase = 'stopping';
    },
    async quiesce(signal) {
      phase = 'stopping';
      await together([consuming?.close(signal), sagas.close(signal)]);
    },
    async close(signal) {
      phase = 'closed';
      admitting = false;
      await inTurn(
        () => together([externals.close(signal), calls.idle(signal)]),
        () => relaying?.close(signal),
        () => retaining?.close(),
        () => worker.close(),
        () => store.close(),
      );
    },
  };
}
