import type { Bus } from '../bus/bus.ts';
import type { Caller } from '../client/caller.ts';
import type { Endpoint } from '../client/transport.ts';
import type { At, Operation } from '../contract/contract.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { consumer } from '../outbox/consumer.ts';
import { collector } from '../outbox/outbox.ts';
import { relay } from '../outbox/relay.ts';
import { outboxMigrations } from '../outbox/tables.ts';
import { sagaEngine } from '../saga/engine.ts';
import { sagaMigrations } from '../saga/tables.ts';
import type { Store, StoreDriver } from '../store/store.ts';
import { worker as registerWorker, workerMigrations } from '../store/worker.ts';
import { endpoint } from './endpoint.ts';
import { ServiceUnready } from './errors.ts';
import { type AnyExternal, externals } from './external.ts';
import type { Health, Phase } from './health.ts';
import { forget, idempotencyMigrations } from './idempotency.ts';
import { intentMigrations } from './intent.ts';
import { reactions } from './reaction.ts';
import type { Service } from './service.ts';
import type { Collectors } from './unit.ts';

/** A service at work in this process. */
export interface RunningService {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly health: Health;
  /** Takes up what an earlier process left: sagas, intents, the outbox; subscribes, and is ready from then on. */
  begin(): Promise<void>;
  /** From now on it says that it is unready; it still does all it does. */
  retire(): void;
  /** First half of a stop: unready, and it begins nothing of its own any more. Calls are still answered. */
  quiesce(signal: AbortSignal): Promise<void>;
  /** Second half: refuses calls, waits for those in hand, closes its database. */
  close(signal: AbortSignal): Promise<void>;
}

export interface RunParts {
  readonly runtime: Runtime;
  /** Where its data lives, unless the service itself says. */
  readonly store: StoreDriver;
  readonly bus: Bus;
  readonly call: Caller;
  /** How long the answer to an idempotency key is kept. Default 24 h. */
  readonly keepKeys?: Duration;
}

const forgetEveryMs = 60_000;
const forgetAtOnce = 1000;

/** Opens a service: its database, migrated; its outbox, inbox, sagas and external commands. It does nothing until `begin`. */
export async function run(service: Service, { runtime, store: driver, bus, call, keepKeys = '24h' }: RunParts): Promise<RunningService> {
  const { clock, observe } = runtime;
  const name = service.contract['~contract'];
  const store = (await ((service.store as StoreDriver | undefined) ?? driver).open(name, runtime)) as Store<unknown, unknown>;
  await store.migrate([
    ...workerMigrations,
    ...outboxMigrations(store.dialect),
    ...sagaMigrations(store.dialect),
    ...idempotencyMigrations,
    ...intentMigrations,
    ...service.migrations,
  ]);
  const worker = await registerWorker(store, runtime);
  const posting = relay({ store, bus, runtime, worker, service: name });
  const sagas = sagaEngine({ store, runtime, contract: service.contract, sagas: service.sagas, call, worker, published: posting.wake });
  const collectors: Collectors = {
    publishing: () => collector(service.contract, runtime) as ReturnType<Collectors['publishing']>,
    starting: sagas.collect,
    wakeRelay: posting.wake,
  };
  const operations = service.contract as unknown as Readonly<Record<string, Operation & At>>;
  const outside = externals({
    store,
    runtime,
    collectors,
    owner: worker,
    operationOf: (operation) => ({
      operation: operations[operation] as Operation & At,
      handler: service.handlers[operation] as AnyExternal,
    }),
  });

  let phase: Phase = 'starting';
  let inHand = 0;
  let idle = (): void => {};
  const admit = (): void => {
    if (phase !== 'closed') return;
    throw new ServiceUnready(`the service ${name} is stopping`, { retryAfterMs: 1000 });
  };
  const offered = endpoint({ service, store, runtime, collectors, externals: outside, admit });
  let hearing: { close(signal?: AbortSignal): Promise<void> } | undefined;
  const closing = new AbortController();

  async function forgetKeys(): Promise<void> {
    const keepMs = milliseconds(keepKeys, 'keepKeys');
    while (!closing.signal.aborted) {
      await sleep(clock, forgetEveryMs, closing.signal, { background: true }).catch(() => {});
      if (closing.signal.aborted) return;
      try {
        const batch = (): Promise<number> => store.transaction((tx) => forget(store.own(tx), clock.now() - keepMs, forgetAtOnce));
        while (!closing.signal.aborted && (await batch()) === forgetAtOnce);
      } catch (error) {
        observe.log('error', 'old idempotency keys could not be forgotten, they are tried again', { error });
      }
    }
  }
  let forgetting: Promise<void> = Promise.resolve();

  return {
    name,
    endpoint: {
      async handle(attempt) {
        inHand++;
        try {
          return await offered.handle(attempt);
        } finally {
          inHand--;
          if (inHand === 0) idle();
        }
      },
    },
    health: { phase: () => phase, checks: () => ({}) },
    async begin() {
      await sagas.begin();
      outside.begin();
      hearing = await consumer({
        store,
        bus,
        runtime,
        worker,
        service: name,
        subscriptions: reactions(service, store, runtime, collectors),
      });
      forgetting = forgetKeys();
      phase = 'ready';
    },
    retire() {
      phase = 'stopping';
    },
    async quiesce(signal) {
      phase = 'stopping';
      await Promise.all([hearing?.close(signal), sagas.close(signal)]);
    },
    async close(signal) {
      phase = 'closed';
      closing.abort();
      await outside.close(signal);
      if (inHand > 0) {
        await new Promise<void>((resolve) => {
          idle = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
          if (signal.aborted) resolve();
        });
      }
      await posting.close(signal);
      await forgetting;
      await worker.close();
      await store.close();
    },
  };
}
