import type { Bus } from '../bus/bus.ts';
import { type Caller, type CallPolicies, caller } from '../client/caller.ts';
import type { Endpoint } from '../client/transport.ts';
import { local } from '../client/transports/local.ts';
import { silent } from '../core/observe.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type RunningService, type RunOptions, run } from '../service/lifecycle.ts';
import type { Service } from '../service/service.ts';
import type { Store, StoreDriver } from '../store/store.ts';
import { crashableBus, crashableEndpoint, crashableStore, crashableTransport } from './crashable.ts';
import type { Faults } from './faults.ts';
import { faultyTransport } from './faulty-transport.ts';
import type { ProcessLife } from './process-life.ts';

/** The world of a storm, which all its processes share and which outlives them. */
export interface StormWorld {
  /** The runtime of the storm itself, with its clock and randomness. */
  readonly runtime: Runtime;
  readonly faults: Faults;
  /** Opens the bus for one process. */
  readonly busOf: (life: ProcessLife, machine: Runtime) => Promise<Bus>;
  readonly store: StoreDriver<unknown, unknown>;
  readonly stores: Map<string, Promise<Store<unknown, unknown>>>;
  /** The endpoints of the processes that accept calls. */
  readonly serving: Map<string, Set<Endpoint>>;
  readonly options: RunOptions;
  readonly calls: CallPolicies | undefined;
  readonly trace: (line: string) => void;
}

const nameOf = (service: Service): string => service.contract['~contract'];

/** Picks a living process of a service at random. */
function endpointOf({ serving, runtime: { random } }: StormWorld, service: string): Endpoint | undefined {
  const all = [...(serving.get(service) ?? [])];
  return all[Math.floor(random.next() * all.length)];
}

/** Makes the caller of one process, or of the client of the storm. */
export function callerOn(world: StormWorld, own: Runtime, life?: ProcessLife): Caller {
  return caller({
    ...world.calls,
    runtime: own,
    transportOf(service) {
      const faulty = faultyTransport(
        local(service, () => endpointOf(world, service)),
        world.faults,
        world.runtime,
      );
      return life ? crashableTransport(faulty, life) : faulty;
    },
  });
}

/** Returns the database of a service, which is opened once for all lives of its processes. */
async function databaseOf(world: StormWorld, service: Service): Promise<Store<unknown, unknown>> {
  const name = nameOf(service);
  const known = world.stores.get(name);
  if (known) return known;
  const driver = (service.store as unknown as StoreDriver<unknown, unknown> | undefined) ?? world.store;
  const opened = driver.open(name, world.runtime);
  world.stores.set(name, opened);
  return opened;
}

/** Makes the runtime of one life, with its own clock, and with the storm's trace in place of telemetry. */
function runtimeOf({ runtime: { random }, trace }: StormWorld, life: ProcessLife): Runtime {
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

/** Starts a service as a process of its own. Resolves once it is ready. */
export async function startProcess(
  world: StormWorld,
  fleetOf: (runtime: Runtime) => Fleet,
  name: string,
  life: ProcessLife,
  faulty: (driver: StoreDriver<unknown, unknown>) => StoreDriver<unknown, unknown>,
): Promise<RunningService> {
  const own = runtimeOf(world, life);
  const defined = fleetOf(own).services.find((one) => nameOf(one) === name) as Service;
  const database = await databaseOf(world, defined);
  const driver = faulty({ open: async () => database });
  const store: StoreDriver<unknown, unknown> = { open: async () => crashableStore(await driver.open(name, world.runtime), life) };
  const running = await run(
    { ...defined, store: undefined },
    {
      ...world.options,
      runtime: own,
      store: store as StoreDriver,
      bus: crashableBus(await world.busOf(life, own), life),
      call: callerOn(world, own, life),
    },
  );
  await running.verify();
  running.admit();
  // A process that died during its start does not get here: this step never resolves.
  await life.step('accepts calls');
  const serving = crashableEndpoint(running.endpoint, life);
  const all = world.serving.get(name) ?? new Set();
  world.serving.set(name, all.add(serving));
  life.dead.addEventListener('abort', () => all.delete(serving), { once: true });
  // The process may have died at another step in the meantime.
  if (life.dead.aborted) all.delete(serving);
  await running.begin();
  return running;
}
