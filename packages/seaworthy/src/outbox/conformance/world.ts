import type { Bus } from '../../bus/bus.ts';
import { contract, event } from '../../contract/contract.ts';
import type { Schema } from '../../contract/schema.ts';
import { orAborted } from '../../core/abort.ts';
import type { Clock } from '../../core/clock.ts';
import type { CrashPoint } from '../../core/crash.ts';
import { silent } from '../../core/observe.ts';
import type { Random } from '../../core/random.ts';
import { type Runtime, runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';
import type { Migration, Store } from '../../store/store.ts';
import { type Worker, worker, workerMigrations } from '../../store/worker.ts';
import { crashableBus, crashableByStatement } from '../../testing/crashable.ts';
import { type ProcessLife, processLife } from '../../testing/process-life.ts';
import type { Subscription } from '../attempt.ts';
import { type Consumer, type ConsumerOptions, consumer } from '../consumer.ts';
import { collector } from '../outbox.ts';
import { type Relay, relay } from '../relay.ts';
import { outboxMigrations } from '../tables.ts';

/** The resources that outlive the crash of a process: its database and the log of the bus. */
export interface Ground {
  store(service: string, runtime: Runtime): Promise<Store>;
  bus(runtime: Runtime): Promise<Bus>;
  end(): Promise<void>;
}

/** A time that moves only when it is told to. */
export interface Time {
  readonly clock: Clock;
  readonly random: Random;
  /** Runs everything that can run, and then moves the time on by `ms`. */
  pass(ms: number): Promise<void>;
}

export interface Placed {
  readonly order: string;
  readonly n: number;
}

const shape = { type: 'object', properties: { order: { type: 'string' }, n: { type: 'integer' } }, required: ['order', 'n'] };

/** The schema is written by hand, so that the suite needs no schema library. */
const placed: Schema<Placed, Placed> = {
  '~standard': {
    version: 1,
    vendor: 'seaworthy',
    validate: (value) => {
      const { order, n } = value as Partial<Placed>;
      if (typeof order !== 'string') return { issues: [{ path: ['order'], message: 'must be a string' }] };
      // A schema may return the value itself instead of a copy.
      return Number.isInteger(n) ? { value: value as Placed } : { issues: [{ path: ['n'], message: 'must be an integer' }] };
    },
    jsonSchema: { input: () => shape, output: () => shape },
  },
};

export const orders = contract('orders', {
  placed: event({ key: 'order', data: placed }),
  cancelled: event({ key: 'order', data: placed }),
  offered: event({ key: 'order', data: placed, notAfter: '1m' }),
});

/** The contract of the subscriber. Its handler publishes this event with its effects. */
export const stock = contract('stock', { reserved: event({ key: 'order', data: placed }) });

const tables: Migration = {
  name: 'test/1',
  statements: ({ types: { identity, integer, key } }) => [
    `create table asked (name ${key} not null primary key)`,
    `create table effect (seq ${identity}, line ${key} not null, n ${integer} not null)`,
  ],
};

export interface StartOptions {
  readonly relay?: boolean;
  readonly subscriptions?: readonly Subscription<unknown>[];
  readonly consumer?: ConsumerOptions;
  /** The life of the process. Default: it ends with `close` or `kill`. */
  readonly life?: ProcessLife;
  /** Gets each crash point. Default: the process may die there. */
  readonly reached?: (point: CrashPoint) => void;
  /** Wraps the bus that the code of the process uses. */
  readonly bus?: (bus: Bus) => Bus;
  /** Wraps the database that the code of the process uses. */
  readonly database?: (store: Store) => Store;
}

/** One process of one service. Everything in it dies together. */
export interface Process {
  /** The database itself, which the suite reads. */
  readonly store: Store;
  readonly life: ProcessLife;
  /** The database as the process uses it. Its promises never settle once the process is dead. */
  readonly crashable: Store;
  readonly runtime: Runtime;
  readonly worker: Worker;
  readonly bus: Bus;
  readonly relay: Relay | undefined;
  readonly consumer: Consumer | undefined;
  readonly gauges: ReadonlyMap<string, () => number>;
  /** Writes a row and an event in one transaction, unless it did so before. Throws `Died`. */
  place(line: string, n: number, name?: 'placed' | 'cancelled' | 'offered'): Promise<void>;
  /** Ends the process as an orderly shutdown does. Throws `Died`. */
  close(signal?: AbortSignal): Promise<void>;
  /** Ends the process as a crash does. Nothing that it does afterwards has an effect. */
  kill(): Promise<void>;
}

export interface World {
  readonly time: Time;
  /** The runtime for handlers, which outlives each process. */
  readonly runtime: Runtime;
  start(service: string, options?: StartOptions): Promise<Process>;
  /** Lets time pass until `work` settles. Returns its result or throws its error. */
  run<V>(work: Promise<V>): Promise<V>;
  /** Lets time pass until `holds` resolves to true. Throws after `withinMs` of the world's time. */
  until(what: string, holds: () => Promise<boolean>, withinMs?: number): Promise<void>;
  end(): Promise<void>;
}

/** Records an effect and publishes an event of its own, as a subscriber's handler does. */
export async function effect(tx: unknown, data: Placed, runtime: Runtime): Promise<void> {
  const own = tx as Parameters<Parameters<Store['transaction']>[0]>[0];
  await own.run('insert into effect (line, n) values (?, ?)', data.order, data.n);
  const events = collector(stock, runtime);
  events.publish('reserved', data);
  await events.write(own);
}

export interface Effect {
  readonly line: string;
  readonly n: number;
}

export async function effects(store: Store): Promise<readonly Effect[]> {
  const rows = await store.read.all('select line, n from effect order by seq');
  return rows.map((row) => ({ line: String(row['line']), n: Number(row['n']) }));
}

export const numbers = async (store: Store, line: string): Promise<readonly number[]> =>
  (await effects(store)).filter((one) => one.line === line).map(({ n }) => n);

export async function count(store: Store, table: string): Promise<number> {
  return Number((await store.read.all(`select count(*) as n from ${table}`))[0]?.['n']);
}

export function world(ground: Ground, time: Time): World {
  const { clock } = time;
  const processes = new Set<Process>();

  async function run<V>(work: Promise<V>): Promise<V> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    for (let rounds = 0; !settled; rounds++) {
      if (rounds > 20_000) throw new Error('the work does not come to an end');
      await time.pass(25);
    }
    return work;
  }

  async function start(service: string, options: StartOptions): Promise<Process> {
    const life = options.life ?? processLife({ name: service, clock });
    const gauges = new Map<string, () => number>();
    const parts = runtime({
      clock: life.clock,
      random: time.random,
      reached: options.reached ?? life.pass,
      observe: {
        ...silent,
        gauge: (name, _attributes, read) => {
          gauges.set(name, read);
          return () => void gauges.delete(name);
        },
      },
    });
    // The suites of the store and of the bus test crashes inside them. Here the two survive.
    const surviving = { ...parts, clock, reached: () => {} };
    const [ownStore, ownBus] = [await ground.store(service, surviving), await ground.bus(surviving)];
    const store = crashableByStatement(options.database ? options.database(ownStore) : ownStore, life);
    const bus = crashableBus(options.bus ? options.bus(ownBus) : ownBus, life);
    const end = async (): Promise<void> => {
      await bus.close();
      await ownStore.close();
    };
    const begin = async (): Promise<Process> => {
      await ownStore.migrate([...workerMigrations, ...outboxMigrations, tables]);
      const own = await worker(store, parts);
      const relaying = options.relay ? relay({ store, bus, runtime: parts, worker: own, service }) : undefined;
      const subscriptions = options.subscriptions;
      const consuming =
        subscriptions && (await consumer({ ...options.consumer, store, bus, runtime: parts, worker: own, service, subscriptions }));

      const process: Process = {
        store: ownStore,
        life,
        crashable: store,
        runtime: parts,
        worker: own,
        bus,
        relay: relaying,
        consumer: consuming,
        gauges,
        async place(line, n, name = 'placed') {
          const work = store.transaction(async (tx) => {
            const asked = await tx.run(tx.dialect.insertNew({ table: 'asked', columns: 'name', key: 'name' }), `${line}/${n}`);
            if (asked.changes === 0) return;
            const events = collector(orders, parts);
            events.publish(name, { order: line, n });
            await events.write(tx);
          });
          await orAborted(work, life.dead);
        },
        async close(signal) {
          processes.delete(process);
          const closing = Promise.all([relaying?.close(signal), consuming?.close(signal)]).then(() => own.close());
          await orAborted(closing, life.dead);
          await end();
        },
        async kill() {
          processes.delete(process);
          life.die('its kill');
          await end();
        },
      };
      return process;
    };
    try {
      const process = await orAborted(begin(), life.dead);
      processes.add(process);
      return process;
    } catch (error) {
      life.die('its start');
      await end();
      throw error;
    }
  }

  return {
    time,
    runtime: runtime({ clock, random: time.random }),
    run,
    start: (service, options = {}) => run(start(service, options)),
    async until(what, holds, withinMs = 120_000) {
      const last = clock.monotonic() + withinMs;
      const wait = async (): Promise<void> => {
        while (!(await holds())) {
          if (clock.monotonic() > last) throw new Error(`it did not happen within ${withinMs} ms: ${what}`);
          await sleep(clock, 50);
        }
      };
      await run(wait());
    },
    async end() {
      for (const one of [...processes]) await run(one.kill());
      await run(ground.end());
    },
  };
}
