import { createHash } from 'node:crypto';
import { embeddedOn } from '../bus/drivers/embedded.ts';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import type { Caller, CallPolicies } from '../client/caller.ts';
import { orAborted } from '../core/abort.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Random } from '../core/random.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type DeadLetters, deadLetters } from '../outbox/dead-letters.ts';
import { policyOn } from '../resilience/policy.ts';
import type { RunOptions } from '../service/lifecycle.ts';
import { memory } from '../store/drivers/memory.ts';
import type { Read, Store, StoreDriver } from '../store/store.ts';
import { seededRandom, virtualClock } from './clock.ts';
import { StormFailed } from './errors.ts';
import { type FaultName, seededFaults } from './faults.ts';
import { faultyBus } from './faulty-bus.ts';
import { faultyStore } from './faulty-store.ts';
import { type Life, life } from './life.ts';
import { mortalStore } from './mortal.ts';
import { patient } from './patient.ts';
import { boot, callerOn, type Sea } from './place.ts';
import { dueIn, watched } from './under-way.ts';

/** The fleet in the storm, as its client and its checker see it. */
export interface InStorm<Name extends string = string> {
  /** Calls as a patient client does: under one key, again and again, until the service answers, be it with a declared error. */
  readonly call: Caller;
  /** Calls once, under a key of its own unless it is given one. A call that fails may have been carried out. */
  readonly callOnce: Caller;
  /** The dead letters of a service, for an operator who looks after them meanwhile. */
  readonly deadLetters: (service: NoInfer<Name>) => DeadLetters;
  /** The database of a service. */
  readonly read: (service: NoInfer<Name>) => Read;
  readonly random: Random;
  readonly sleep: (time: Duration) => Promise<void>;
}

/** A process in the storm that is about to start. */
export interface StormProcess {
  /** From 0 to `instances` - 1. */
  readonly index: number;
  /** How many lives it has had before. */
  readonly lives: number;
}

export interface StormOptions<Name extends string> {
  /**
   * What is played. A function is asked at each start of a process, with its runtime, for what third parties are given, and which
   * process of its service it is: another one, or a later life of the same, may run other code, as in a deploy.
   */
  readonly fleet: Fleet<Name> | ((runtime: Runtime, process: StormProcess) => Fleet<Name>);
  /** Everything follows from it: the same seed is the same storm. */
  readonly seed: number;
  /** How often things go wrong. Default `usualRates`. */
  readonly faults?: Partial<Record<FaultName, number>>;
  /** How often each process dies at most, at some step of its own; it is started again within 5 s. Default 3. */
  readonly deaths?: number;
  /** Processes of each service. Default 1. */
  readonly instances?: number;
  /** What is asked of the fleet meanwhile. */
  readonly load: (sea: InStorm<Name>) => Promise<void>;
  /** Whether all has come to its end, beside what the fleet itself has under way. */
  readonly settled?: (sea: InStorm<Name>) => Promise<boolean>;
  /** Called twice a second meanwhile: throws when something is so that must never be, not even for a moment. */
  readonly always?: (sea: InStorm<Name>) => Promise<void>;
  /** Called in the calm after the storm: throws when something is not as it must be. */
  readonly check: (sea: InStorm<Name>) => Promise<void>;
  /** Within which all must have settled, by the clock of the storm. Default 30 min. */
  readonly within?: Duration;
  /** What the services are set to. */
  readonly options?: RunOptions;
  /** How their calls are guarded. */
  readonly calls?: CallPolicies;
  /** Of services that bring none. Default in memory. */
  readonly store?: StoreDriver;
  /**
   * What carries the events: a bus in memory that no process takes along, or the embedded log on a database in memory, of which each
   * process is a member by itself. Default `memory`.
   */
  readonly bus?: 'memory' | 'embedded';
  /** Told each step of each process, to read what a seed does. */
  readonly trace?: (line: string) => void;
}

/** What there was in a storm that ended well. */
export interface StormReport {
  readonly seed: number;
  /** How often each fault struck. */
  readonly faults: Readonly<Record<FaultName, number>>;
  /** Where processes died. */
  readonly deaths: readonly string[];
  /** A digest of every step: the same for the same seed. */
  readonly trace: string;
  /** How long it took by its own clock, in milliseconds. */
  readonly elapsedMs: number;
}

const longestLife = 12;
const downMs = 5000;
const pollMs = 500;
/** Longer than any copy or timer that a fault left behind. */
const quietMs = 5000;
/** After which no faults are needed any more. */
const stormMs = 40_000;

/**
 * Plays a whole fleet in one process and no time: each service a process of its own that may stall, die and come back, on
 * databases and a bus that outlive it, with faults at every port, until all has come to rest. Throws `StormFailed`, whose
 * seed plays the same storm again.
 */
export async function storm<const Name extends string>(options: StormOptions<Name>): Promise<StormReport> {
  const { seed, deaths = 3, instances = 1, within = '30m', trace: told } = options;
  const digest = createHash('sha256');
  const clock = virtualClock();
  const lost: string[] = [];
  const lines: string[] = [];
  const digestLines = (): void => void digest.update(`${lines.splice(0).join('\n')}\n`);
  const trace = (line: string): void => {
    const stamped = `${clock.monotonic()} ${line}`;
    lines.push(stamped);
    if (lines.length === 1000) digestLines();
    told?.(stamped);
  };
  const random = seededRandom(seed);
  const chance = seededRandom(seed ^ 0x5eafa117);
  const own = runtime({ clock, random });
  const faults = seededFaults({ seed: chance, ...(options.faults && { rates: options.faults }), struck: (name) => trace(`fault ${name}`) });
  const events = watched();
  const wire = memoryBus();
  const log = memory().open('bus', own);
  const sea: Sea = {
    runtime: own,
    faults,
    busOf(life, machine) {
      const driver = options.bus === 'embedded' ? embeddedOn({ open: async () => mortalStore(await log, life) }) : wire;
      return faultyBus(events.watch(driver), faults).open(options.bus === 'embedded' ? machine : own);
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
  const living = new Map<string, { readonly life: Life; ready: boolean }>();
  /** Processes that have been ready once, and their services, whose tables are there then. */
  const started = new Set<string>();
  const lastMs = milliseconds(within, 'within');
  let over = false;
  let calm = false;

  /** Keeps one process alive: starts it, and again after each of its deaths. */
  async function keep(service: string, index: number): Promise<void> {
    const name = instances === 1 ? service : `${service}/${index + 1}`;
    for (let lives = 0; !over; lives++) {
      const steps = calm || lives >= deaths ? Number.POSITIVE_INFINITY : Math.floor(2 ** (chance.next() * longestLife));
      const stallMs = (): number => (faults.strikes('process/stalled') ? 3500 + faults.delayMs(6000) : 0);
      const skewMs = faults.strikes('process/skewed') ? faults.delayMs(1000) - faults.delayMs(1000) : 0;
      const one = life({ name, steps, clock, skewMs, stallMs, trace });
      const state = { life: one, ready: false };
      living.set(name, state);
      const died = new Promise<void>((resolve) => one.dead.addEventListener('abort', () => resolve(), { once: true }));
      try {
        await orAborted(
          boot(
            sea,
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
  const callOnce = callerOn({ ...sea, calls: { policyOf: () => policyOn(own), guardOf: () => policyOn(own) } }, own);
  const seen: InStorm<Name> = {
    call: patient(callOnce, own, trace),
    callOnce,
    deadLetters: (service) => deadLetters(storeOf(service), own),
    read: (service) => storeOf(service).sqlRead,
    random,
    sleep: (time) => sleep(clock, milliseconds(time, 'sleep')),
  };

  async function due(): Promise<readonly string[]> {
    const all = [...living.values()].filter(({ ready }) => !ready).map(({ life: { name } }) => `${name} is not ready`);
    if (events.open > 0) all.push(`${events.open} deliveries are under way`);
    for (const name of names) {
      const store = await sea.stores.get(name);
      if (store && started.has(name)) opened.set(name, store);
      if (store && started.has(name) && all.length === 0) all.push(...(await dueIn(name, store.sqlRead)));
    }
    if (all.length === 0 && options.settled && !(await options.settled(seen))) all.push('`settled` says no');
    return all;
  }

  /** Waits until nothing has been due for a while. */
  async function settle(untilMs: number): Promise<readonly string[]> {
    for (let quiet = 0; ; quiet += pollMs) {
      const left = await due();
      if (left.length > 0) quiet = 0;
      if (quiet >= quietMs || clock.monotonic() > untilMs) return left;
      await sleep(clock, pollMs);
    }
  }

  /** Looks again and again until something is wrong. */
  async function watch(always: (sea: InStorm<Name>) => Promise<void>): Promise<never> {
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
    for (const store of [...sea.stores.values(), log]) await (await store).close();
  }
  digestLines();
  return { seed, faults: faults.counts, deaths: lost, trace: digest.digest('hex'), elapsedMs: clock.monotonic() };
}
