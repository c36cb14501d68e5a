import type { Bus } from '../bus/bus.ts';
import { type Caller, type CallPolicies, caller } from '../client/caller.ts';
import { Unreachable } from '../client/errors.ts';
import type { Endpoint } from '../client/transport.ts';
import { local } from '../client/transports/local.ts';
import { orAborted } from '../core/abort.ts';
import { silent } from '../core/observe.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type RunningService, type RunOptions, run } from '../service/lifecycle.ts';
import type { Service } from '../service/service.ts';
import type { Store, StoreDriver } from '../store/store.ts';
import type { Faults } from './faults.ts';
import { faultyTransport } from './faulty-transport.ts';
import type { Life } from './life.ts';
import { mortalBus, mortalStore, mortalTransport } from './mortal.ts';

/** A process that takes calls. */
interface Serving {
  readonly endpoint: Endpoint;
  readonly life: Life;
}

/** What all processes of a storm share: it outlives each of them. */
export interface Sea {
  /** Of the storm itself: its clock, its chance. */
  readonly runtime: Runtime;
  readonly faults: Faults;
  /** The bus as one process reaches it. */
  readonly busOf: (life: Life, machine: Runtime) => Promise<Bus>;
  readonly store: StoreDriver<unknown, unknown>;
  readonly stores: Map<string, Promise<Store<unknown, unknown>>>;
  readonly serving: Map<string, Set<Serving>>;
  readonly options: RunOptions;
  readonly calls: CallPolicies | undefined;
  readonly trace: (line: string) => void;
}

const nameOf = (service: Service): string => service.contract['~contract'];

/** One of the living processes of a service, by chance. When it dies with the call in hand, nobody knows what it did. */
function endpointOf({ serving, runtime: { random } }: Sea, service: string): Endpoint | undefined {
  const all = [...(serving.get(service) ?? [])];
  const one = all[Math.floor(random.next() * all.length)];
  return (
    one && {
      handle: (attempt) =>
        orAborted(one.endpoint.handle(attempt), one.life.dead).catch((error: unknown) => {
          throw one.life.dead.aborted ? new Unreachable(`${service} died with the call in flight`) : error;
        }),
    }
  );
}

/** The way of one process, or of the storm's own client, to all services. */
export function callerOn(sea: Sea, own: Runtime, life?: Life): Caller {
  return caller({
    ...sea.calls,
    runtime: own,
    transportOf(service) {
      const faulty = faultyTransport(
        local(service, () => endpointOf(sea, service)),
        sea.faults,
        sea.runtime,
      );
      return life ? mortalTransport(faulty, life) : faulty;
    },
  });
}

/** The database of a service: opened once for all lives of its processes. */
async function databaseOf(sea: Sea, service: Service): Promise<Store<unknown, unknown>> {
  const name = nameOf(service);
  const known = sea.stores.get(name);
  if (known) return known;
  const driver = (service.store as unknown as StoreDriver<unknown, unknown> | undefined) ?? sea.store;
  const opened = driver.open(name, sea.runtime);
  sea.stores.set(name, opened);
  return opened;
}

/** The runtime of one life: its own view of time, and the storm's trace in place of telemetry. */
function runtimeOf({ runtime: { random }, trace }: Sea, life: Life): Runtime {
  return runtime({
    clock: life.clock,
    random,
    reached: life.pass,
    observe: {
      ...silent,
      log(level, message, attributes) {
        const error = attributes?.['error'];
        trace(`${life.name} says ${level}: ${message}${error === undefined ? '' : ` (${String(error)})`}`);
      },
    },
  });
}

/** Runs a service as a process of its own; resolves once it is ready. */
export async function boot(
  sea: Sea,
  fleetOf: (runtime: Runtime) => Fleet,
  name: string,
  life: Life,
  faulty: (driver: StoreDriver<unknown, unknown>) => StoreDriver<unknown, unknown>,
): Promise<RunningService> {
  const own = runtimeOf(sea, life);
  const defined = fleetOf(own).services.find((one) => nameOf(one) === name) as Service;
  const database = await databaseOf(sea, defined);
  const driver = faulty({ open: async () => database });
  const store: StoreDriver<unknown, unknown> = { open: async () => mortalStore(await driver.open(name, sea.runtime), life) };
  const running = await run(
    { ...defined, store: undefined },
    {
      ...sea.options,
      runtime: own,
      store: store as StoreDriver,
      bus: mortalBus(await sea.busOf(life, own), life),
      call: callerOn(sea, own, life),
    },
  );
  await running.verify();
  running.admit();
  // Who died over its start does not get here.
  await life.step('takes calls');
  const serving = { endpoint: running.endpoint, life };
  const all = sea.serving.get(name) ?? new Set();
  sea.serving.set(name, all.add(serving));
  life.dead.addEventListener('abort', () => all.delete(serving), { once: true });
  // It may have died at something else that it did meanwhile.
  if (life.dead.aborted) all.delete(serving);
  await running.begin();
  return running;
}
