import { createHash } from 'node:crypto';
import { embeddedOn } from '../bus/drivers/embedded.ts';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { type Caller, type CallPolicies, policyNames } from '../client/caller.ts';
import { orAborted } from '../core/abort.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { checkOptions, type OptionNames } from '../core/options.ts';
import type { Random } from '../core/random.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type DeadLetters, deadLetters } from '../outbox/dead-letters.ts';
import { policyOn } from '../resilience/policy.ts';
import { type RunOptions, runNames } from '../service/lifecycle.ts';
import { memory } from '../store/drivers/memory.ts';
import type { Read, Store, StoreDriver } from '../store/store.ts';
import { seededRandom, virtualClock } from './clock.ts';
import { crashableStore } from './crashable.ts';
import { StormFailed } from './errors.ts';
import { type FaultName, seededFaults } from './faults.ts';
import { faultyBus } from './faulty-bus.ts';
import { faultyStore } from './faulty-store.ts';
import { deliveryTracker, pendingWork } from './pending-work.ts';
import { callerOn, type StormWorld, startProcess } from './process.ts';
import { type ProcessLife, processLife } from './process-life.ts';
import { retryingClient } from './retrying-client.ts';

/** The fleet in the storm, for its load and its check. */
export interface StormContext<Name extends string = string> {
  /** Repeats a call under one key until the service answers, with an output or a declared error. */
  readonly call: Caller;
  /** Calls once. A call that fails may have taken effect. */
  readonly callOnce: Caller;
  /** Returns the dead letters of a service, to act as an operator during the storm. */
  readonly deadLetters: (service: NoInfer<Name>) => DeadLetters;
  /** Reads the database of a service. */
  readonly read: (service: NoInfer<Name>) => Read;
  /** The randomness of the load, which the seed determines. */
  readonly random: Random;
  /** Waits by the clock of the storm. */
  readonly sleep: (time: Duration) => Promise<void>;
}

/** A process of the storm that is about to start. */
export interface StormProcess {
  /** The number of the process within its service, from 0 to `instances` - 1. */
  readonly index: number;
  /** The number of its earlier lives. */
  readonly lives: number;
}

/** The options of a storm. */
export interface StormOptions<Name extends string> {
  /**
   * The fleet. A function is called at each start of a process, with the runtime of that process, from which third parties can be made,
   * and with its number and life, so that processes can run different code, as in a deployment.
   */
  readonly fleet: Fleet<Name> | ((runtime: Runtime, process: StormProcess) => Fleet<Name>);
  /** The seed, which determines the whole storm. */
  readonly seed: number;
  /** The rates of faults. Default `usualRates`. */
  readonly faults?: Partial<Record<FaultName, number>>;
  /** The largest number of deaths of each process, which restarts within 5 s. Default 3. */
  readonly deaths?: number;
  /** The number of processes of each service. Default 1. */
  readonly instances?: number;
  /** Puts load on the fleet. */
  readonly load: (context: StormContext<Name>) => Promise<void>;
  /** Tells whether work outside the fleet is done. Default: there is none. */
  readonly settled?: (context: StormContext<Name>) => Promise<boolean>;
  /** Checks an invariant twice a second; it throws when the invariant is violated. Default none. */
  readonly always?: (context: StormContext<Name>) => Promise<void>;
  /** Checks the data of the services after the storm; it throws when they are wrong. */
  readonly check: (context: StormContext<Name>) => Promise<void>;
  /** The longest time by the clock of the storm until all work is done. Default 30 min. */
  readonly within?: Duration;
  /** The options of all services. Default none. */
  readonly options?: RunOptions;
  /** The policies of their calls. Default those of the client. */
  readonly calls?: CallPolicies;
  /** The store of services without their own. Default in memory. */
  readonly store?: StoreDriver;
  /**
   * The bus: one in memory that outlives all processes, or the embedded log on a database in memory, of which each process is a member.
   * Default `memory`.
   */
  readonly bus?: 'memory' | 'embedded';
  /** Gets each step of each process. Default none. */
  readonly trace?: (line: string) => void;
}

const optionNames: OptionNames<StormOptions<string>> = {
  ...{ fleet: true, seed: true, faults: true, deaths: true, instances: true, load: true, settled: true, always: true, check: true },
  ...{ within: true, options: runNames, calls: policyNames, store: true, bus: true, trace: true },
};

/** The report of a storm that succeeded. */
export interface StormReport {
  readonly seed: number;
  /** The number of times that each fault struck. */
  readonly faults: Readonly<Record<FaultName, number>>;
  /** The steps at which processes died. */
  readonly deaths: readonly string[];
  /** A digest of all steps, which is the same for the same seed. */
  readonly trace: string;
  /** The duration by the clock of the storm, in milliseconds. */
  readonly elapsedMs: number;
}

const longestLife = 12;
const downMs = 5000;
const pollMs = 500;
/** The quiet time after which the storm is at rest; it is longer than any delayed copy or timer of a fault. */
const quietMs = 5000;
/** The time after the load at which the faults end. */
const stormMs = 40_000;

/**
 * Runs a whole fleet in one process and in virtual time, with faults at every port. Each service is a simulated process that may stall,
 * die and restart, on databases and a bus that outlive it. The storm ends when all work is done. Throws `StormFailed`, whose seed
 * repeats the storm.
 */
export async function storm<const Name extends string>(options: StormOptions<Name>): Promise<StormReport> {
  checkOptions('storm', options as StormOptions<string>, optionNames);
  const { seed, deaths = 3, instances = 1, within = '30m', trace: traced } = options;
  const digest = createHash('sha256');
  const clock = virtualClock();
  const lost: string[] = [];
  const lines: string[] = [];
  const digestLines = (): void => void digest.update(`${lines.splice(0).join('\n')}\n`);
  const trace = (line: string): void => {
    const stamped = `${clock.monotonic()} ${line}`;
    lines.push(stamped);
    if (lines.length === 1000) digestLines();
    traced?.(stamped);
  };
  const random = seededRandom(seed);
  const chance = seededRandom(seed ^ 0x5eafa117);
  const own = runtime({ clock, random });
  const faults = seededFaults({ seed: chance, ...(options.faults && { rates: options.faults }), struck: (name) => trace(`fault ${name}`) });
  const events = deliveryTracker();
  const wire = memoryBus();
  const log = memory().open('bus', own);
  const world: StormWorld = {
    runtime: own,
    faults,
    busOf(life, machine) {
      const driver = options.bus === 'embedded' ? embeddedOn({ open: async () => crashableStore(await log, life) }) : wire;
      return faultyBus(events.track(driver), faults).open(options.bus === 'embedded' ? machine : own);
    },
    store: options.store ?? memory(),
    stores: new Map(),
    serving: new Map(),
    options: options.options ?? {},
    calls: options.calls,
    trace,
  };
  const given = options.fleet;
  const fleetOf = typeof given === 'function' ? given : () => given;
  const names = fleetOf(own, { index: 0, lives: 0 }).services.map((service) => service.contract['~contract']);
  const living = new Map<string, { readonly life: ProcessLife; ready: boolean }>();
  /** The processes that have been ready once, and their services, whose tables exist from then on. */
  const started = new Set<string>();
  const lastMs = milliseconds(within, 'within');
  let over = false;
  let calm = false;

  /** Starts one process, and restarts it after each of its deaths. */
  async function keep(service: string, index: number): Promise<void> {
    const name = instances === 1 ? service : `${service}/${index + 1}`;
    for (let lives = 0; !over; lives++) {
      const steps = calm || lives >= deaths ? Number.POSITIVE_INFINITY : Math.floor(2 ** (chance.next() * longestLife));
      const stallMs = (): number => (faults.strikes('process/stalled') ? 3500 + faults.delayMs(6000) : 0);
      const skewMs = faults.strikes('process/skewed') ? faults.delayMs(1000) - faults.delayMs(1000) : 0;
      const one = processLife({ name, steps, clock, skewMs, stallMs, trace });
      const state = { life: one, ready: false };
      living.set(name, state);
      const died = new Promise<void>((resolve) => one.dead.addEventListener('abort', () => resolve(), { once: true }));
      try {
        await orAborted(
          startProcess(
            world,
            (machine) => fleetOf(machine, { index, lives }),
            service,
            one,
            (driver) => faultyStore(driver, faults),
          ),
          one.dead,
        );
        state.ready = true;
        started.add(service).add(name);
      } catch (error) {
        if (calm && !one.dead.aborted) throw error;
        one.die(`its start (${String(error)})`);
      }
      await died;
      if (over) return;
      lost.push(`${name} at ${one.at}`);
      await sleep(clock, calm ? 0 : chance.next() * downMs);
    }
  }

  const storeOf = (service: string): Store<unknown, unknown> => {
    const store = opened.get(service);
    if (!store) throw new Error(`the fleet has no started service ${service}: it has ${names.join(', ')}`);
    return store;
  };
  const opened = new Map<string, Store<unknown, unknown>>();
  const callOnce = callerOn({ ...world, calls: { policyOf: () => policyOn(own), guardOf: () => policyOn(own) } }, own);
  const seen: StormContext<Name> = {
    call: retryingClient(callOnce, own, trace),
    callOnce,
    deadLetters: (service) => deadLetters(storeOf(service), own),
    read: (service) => storeOf(service).sqlRead,
    random,
    sleep: (time) => sleep(clock, milliseconds(time, 'sleep')),
  };

  async function due(): Promise<readonly string[]> {
    const all = [...living.values()].filter(({ ready }) => !ready).map(({ life: { name } }) => `${name} is not ready`);
    if (events.open > 0) all.push(`${events.open} deliveries are in flight`);
    for (const name of names) {
      const store = await world.stores.get(name);
      if (store && started.has(name)) opened.set(name, store);
      if (store && started.has(name) && all.length === 0) all.push(...(await pendingWork(name, store.sqlRead)));
    }
    if (all.length === 0 && options.settled && !(await options.settled(seen))) all.push('`settled` returns false');
    return all;
  }

  /** Waits until no work has been pending for a while, or the time has passed. Returns the pending work. */
  async function settle(untilMs: number): Promise<readonly string[]> {
    for (let quiet = 0; ; quiet += pollMs) {
      const left = await due();
      if (left.length > 0) quiet = 0;
      if (quiet >= quietMs || clock.monotonic() > untilMs) return left;
      await sleep(clock, pollMs);
    }
  }

  /** Checks the invariant until it is violated. */
  async function watch(always: (context: StormContext<Name>) => Promise<void>): Promise<never> {
    for (;;) {
      await always(seen);
      await sleep(clock, pollMs);
    }
  }

  async function play(): Promise<void> {
    const keepers = names.flatMap((service) => Array.from({ length: instances }, (_, index) => keep(service, index)));
    const kept = Promise.all(keepers).then(() => new Promise<never>(() => {}));
    const begun = (): boolean => opened.size === names.length && [...living.keys()].every((name) => started.has(name));
    while (!begun()) await Promise.race([kept, due().then(() => sleep(clock, pollMs))]);
    const failed = Promise.race([kept, ...(options.always ? [watch(options.always)] : [])]);
    const loaded = Promise.race([options.load(seen), failed]);
    const tooLate = sleep(clock, lastMs).then(() => Promise.reject(new Error(`the load took longer than ${within}`)));
    await Promise.race([loaded, tooLate]);
    await Promise.race([settle(Math.min(lastMs, clock.monotonic() + stormMs)), failed]);
    faults.calm();
    calm = true;
    const left = await Promise.race([settle(lastMs), failed]);
    if (left.length > 0) throw new Error(`it still had work after ${within}: ${left.join('; ')}`);
    await options.check(seen);
  }

  try {
    await clock.run(play());
  } catch (error) {
    throw new StormFailed(seed, error instanceof Error ? error.message : String(error), error);
  } finally {
    over = true;
    for (const { life: one } of living.values()) one.die('the end of the storm');
    await clock.advance(downMs).catch(() => {});
    for (const store of [...world.stores.values(), log]) await (await store).close();
  }
  digestLines();
  return { seed, faults: faults.counts, deaths: lost, trace: digest.digest('hex'), elapsedMs: clock.monotonic() };
}
