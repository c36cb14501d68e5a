import assert from 'node:assert/strict';
import { z } from 'zod';
import { memory as memoryBus } from '../../bus/drivers/memory.ts';
import { type Caller, caller } from '../../client/caller.ts';
import { CallFailed } from '../../client/errors.ts';
import { local } from '../../client/transports/local.ts';
import { command, contract } from '../../contract/contract.ts';
import type { Duration } from '../../core/duration.ts';
import { silent } from '../../core/observe.ts';
import { runtime } from '../../core/runtime.ts';
import { policyOn } from '../../resilience/policy.ts';
import { memory } from '../../store/drivers/memory.ts';
import type { Store, StoreDriver, Tx } from '../../store/store.ts';
import { seededRandom, type VirtualClock, virtualClock } from '../../testing/clock.ts';
import { external } from '../handler.ts';
import { type RunningService, run } from '../lifecycle.ts';
import { service } from '../service.ts';

export const till = contract('till', {
  charge: command({
    http: 'POST /charges',
    input: z.object({ id: z.string() }),
    output: z.object({ receipt: z.string() }),
    errors: { Closed: { status: 409 } },
  }),
});

/** What the three functions of `charge` do. A test replaces them. */
export interface Stage {
  before: () => unknown;
  do: (context: { readonly intent: unknown; readonly key: string }) => unknown;
  after: (context: { readonly tx: Tx; readonly intent: unknown }) => unknown;
}

/** The service of the till. `plain` makes `charge` an ordinary command. */
export const tillOf = (stage: Stage, { plain = false, timeout = '1s' as Duration } = {}) =>
  service(till, {
    migrations: [{ name: 'till/1', statements: ({ types: { key } }) => [`create table charge (id ${key} not null primary key)`] }],
    handlers: {
      charge: plain
        ? () => ({ receipt: 'plain' })
        : external({
            timeout,
            before: () => stage.before(),
            do: (context) => stage.do(context),
            async after({ input, tx, intent }) {
              await tx.run('insert into charge (id) values (?)', input.id);
              return { receipt: String(await stage.after({ tx, intent })) };
            },
          }),
    },
  });

/** A row of `sw_intent` that a test writes by hand. */
export interface IntentRow {
  readonly key: string;
  /** Default `charge`. */
  readonly operation?: string;
  /** JSON. Default: the key as `id`. */
  readonly input?: string;
  /** JSON. Default `{}`. */
  readonly intent?: string;
  /** Default: a worker that has stopped in order. */
  readonly owner?: string;
  readonly crashes?: number;
  readonly inFlight?: boolean;
}

export interface Process {
  readonly running: RunningService;
  readonly call: Caller;
}

export interface World {
  readonly stage: Stage;
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly logged: string[];
  /** Counters with their operation, and spans with their outcome, of external commands. */
  readonly reported: string[];
  /** Starts a process that runs the till on the world's database, or on a view of it. */
  process(definition?: ReturnType<typeof tillOf>, view?: Store): Promise<Process>;
  /** Creates the tables, as a process does that starts and stops. */
  migrate(): Promise<void>;
  insertIntents(rows: readonly IntentRow[]): Promise<void>;
  /** Adds the worker `killed`, which did not stop in order. */
  addDeadWorker(): Promise<void>;
  /** Counts the open intents. */
  intents(): Promise<number>;
  /** Counts the charges that were committed. */
  charges(): Promise<number>;
  /** Returns the number of runs of `do` that gave no outcome, of the only intent. */
  attempts(): Promise<unknown>;
  /** Returns the number of processes that died with each intent, in the order of their keys. */
  deaths(): Promise<readonly unknown[]>;
  /** Moves the clock in small steps until so many charges are committed. Default 1. */
  charged(count?: number): Promise<void>;
  /** Moves the clock in small steps until `holds`. */
  when(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
}

export async function openWorld(clock: VirtualClock = virtualClock()): Promise<World> {
  const logged: string[] = [];
  const reported: string[] = [];
  const report = (name: string, operation: unknown, ...more: readonly string[]): void => {
    if (name.startsWith('seaworthy_external')) reported.push([name, operation, ...more].join(' '));
  };
  const rt = runtime({
    clock,
    random: seededRandom(1),
    observe: {
      ...silent,
      log: (_level, line) => void logged.push(line),
      count: (name, { operation } = {}) => report(name, operation),
      span: (name, { operation } = {}, options) => ({
        ...silent.span(name, {}, options),
        end: (outcome, error) => report(name, operation, outcome, ...(error === undefined ? [] : ['failed'])),
      }),
    },
  });
  const stage: Stage = { before: () => ({}), do: () => 'yes', after: () => 'receipt' };
  const store = await memory().open('till', rt);
  // A process that stops leaves the database to the others.
  const shared = (view: Store): StoreDriver => ({ open: async () => ({ ...view, close: async () => {} }) });
  const bus = await memoryBus().open(rt);
  const read = (sql: string) => store.read.all(sql);

  async function start(definition = tillOf(stage), view = store): Promise<Process> {
    const running = await run(definition, { runtime: rt, store: shared(view), bus, call: (() => assert.fail('it calls nobody')) as never });
    await running.begin();
    const call = caller({ runtime: rt, transportOf: () => local('till', () => running.endpoint), policyOf: () => policyOn(rt) });
    return { running, call };
  }

  const charges = async (): Promise<number> => (await read('select 1 from charge')).length;
  async function when(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let round = 0; round < 3000; round++) {
      if (await holds()) return;
      await clock.advance(50);
    }
    assert.fail(`it never came to be that ${what}`);
  }

  return {
    stage,
    clock,
    store,
    logged,
    reported,
    process: start,
    async migrate() {
      const { running } = await start();
      await stop(running);
    },
    async insertIntents(rows) {
      await store.transaction(async (tx) => {
        for (const { key, operation = 'charge', input, intent = '{}', owner = 'gone', crashes = 0, inFlight = false } of rows) {
          const recorded = { table: 'sw_idempotency', columns: 'operation, idempotency_key, fingerprint, at, of_step' };
          await tx.run(tx.dialect.insertNew({ ...recorded, key: 'operation, idempotency_key' }), operation, key, '', 0, 0);
          await tx.run(
            `insert into sw_intent (operation, idempotency_key, fingerprint, input, intent, since, attempts, due, owner, in_flight, crashes)
              values (?, ?, '', ?, ?, 0, 0, 0, ?, ?, ?)`,
            operation,
            key,
            input ?? JSON.stringify({ id: key }),
            intent,
            owner,
            inFlight ? 1 : 0,
            crashes,
          );
        }
      });
    },
    async addDeadWorker() {
      await store.transaction((tx) => tx.run("insert into sw_worker (id, until, ttl) values ('killed', 0, 3000)"));
    },
    intents: async () => (await read('select 1 from sw_intent')).length,
    charges,
    attempts: async () => (await read('select attempts from sw_intent'))[0]?.['attempts'],
    deaths: async () => (await read('select crashes from sw_intent order by idempotency_key')).map(({ crashes }) => crashes),
    charged: (count = 1) => when(`${count} charges are committed`, async () => (await charges()) === count),
    when,
  };
}

const noTimeLeft = AbortSignal.abort(new Error('no time is left'));
/** Stops a service in order, but without time for what runs. */
export async function stop(running: RunningService): Promise<void> {
  await running.quiesce(noTimeLeft);
  await running.close(noTimeLeft);
}

/** Starts two processes. The first one runs `do` and gets no outcome; every later run of `do` gets one. */
export async function oneHanging(
  world: World,
): Promise<{ readonly first: Process; readonly second: Process; readonly runs: () => number }> {
  let runs = 0;
  world.stage.do = () => {
    runs++;
    return runs === 1 ? new Promise(() => {}) : 'yes';
  };
  const [first, second] = [await world.process(), await world.process()];
  first.call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  await world.when('the first process runs `do`', () => runs === 1);
  return { first, second, runs: () => runs };
}

/** Says whether an error is a failed call with this code. */
export const failedWith =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof CallFailed && error.problem.code === code;
