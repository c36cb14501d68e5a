import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Failure, reply } from '../client/call.ts';
import type { Caller, CallOptions } from '../client/caller.ts';
import { type Contract, command, contract, event, type Members, query } from '../contract/contract.ts';
import type { Schema } from '../contract/schema.ts';
import type { Clock } from '../core/clock.ts';
import { type Observe, silent } from '../core/observe.ts';
import type { Random } from '../core/random.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { outboxMigrations } from '../outbox/tables.ts';
import { memory } from '../store/drivers/memory.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import type { Store, StoreDriver, Tx } from '../store/store.ts';
import { type Worker, worker, workerMigrations } from '../store/worker.ts';
import { deadlines } from './deadlines.ts';
import { type AnySaga, saga } from './definition.ts';
import { type EngineDeps, SagaEngine } from './engine.ts';
import { type Instance, instanceOf } from './instance.ts';
import { type Orphans, orphans } from './orphans.ts';
import { sagaMigrations } from './saga-store.ts';

/** Makes a schema by hand, so that the module's tests need no schema library. */
export function record<T extends Record<string, 'string' | 'integer'>>(types: T): Schema<Fields<T>, Fields<T>> {
  const properties = Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { type }]));
  const shape = { type: 'object', properties, required: Object.keys(types) };
  return {
    '~standard': {
      version: 1,
      vendor: 'seaworthy',
      validate(value) {
        const given = value as Readonly<Record<string, unknown>>;
        const wrong = Object.keys(types).filter((name) => typeof given[name] !== (types[name] === 'string' ? 'string' : 'number'));
        if (wrong.length > 0) return { issues: wrong.map((name) => ({ path: [name], message: `must be a ${types[name]}` })) };
        return { value: given as Fields<T> };
      },
      jsonSchema: { input: () => shape, output: () => shape },
    },
  };
}
type Fields<T> = { readonly [K in keyof T]: T[K] extends 'string' ? string : number };

export const Ref = record({ id: 'string' });
export const remote = contract('remote', {
  book: command({ http: 'POST /book', input: Ref, output: record({ seat: 'integer' }), errors: { Full: { status: 409 } } }),
  unbook: command({ http: 'POST /unbook', input: Ref }),
  seats: query({ http: 'GET /seats', input: Ref, output: record({ seat: 'integer' }) }),
  pay: command({ http: 'POST /pay', input: Ref }),
  repay: command({ http: 'POST /repay', input: Ref }),
});
export const trips = contract('trips', { booked: event({ key: 'id', data: Ref }) });

/** What the callee answers, and what it was asked. */
export interface Callee {
  readonly log: string[];
  readonly options: CallOptions[];
  answers: Record<string, (attempt: number) => unknown>;
}

export interface World {
  readonly clock: Time;
  readonly runtime: Runtime;
  readonly store: Store;
  readonly callee: Callee;
  /** What was logged: the level, the message, and the number of attempts if the message has one. */
  readonly said: readonly string[];
  /** How the transactions of transitions ended; a failure says so. */
  readonly transactions: readonly string[];
  /** Starts another process on the same database, or on a view of it. */
  process(
    sagas: readonly AnySaga[],
    view?: Store,
    more?: Partial<EngineDeps>,
  ): Promise<{ readonly engine: SagaEngine; readonly worker: Worker }>;
  run(engine: SagaEngine, work: (started: ReturnType<SagaEngine['collect']>, tx: Tx) => void): Promise<void>;
  instance(): Promise<Instance>;
  until(state: string): Promise<Instance>;
  /** Moves the clock in small steps until `holds`. */
  when(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
  /** Starts the trip `t`. */
  start(engine: SagaEngine): Promise<void>;
  note(): Promise<unknown>;
}

/** A clock that a test moves. */
export interface Time extends Clock {
  advance(ms: number): Promise<void>;
}

export const trip = saga(trips, 'trip', { input: Ref, uses: [remote], key: ({ id }) => id })
  .local('note', {
    do: async ({ tx, input }) => {
      await tx.run('insert into note (id, text) values (?, ?)', input.id, 'open');
    },
    undo: async ({ tx, input, cause }) => {
      await tx.run(
        'update note set text = ? where id = ?',
        `${cause.kind}/${'reason' in cause ? cause.reason : 'name' in cause ? cause.name : 'step' in cause ? cause.step : cause.deadline}`,
        input.id,
      );
    },
  })
  .step('book', {
    do: ({ call, input }) => call(remote.book, input),
    undo: async ({ call, input, result }) => {
      await call(remote.unbook, { id: `${input.id}/${result?.seat ?? 'unseen'}` });
    },
  })
  .step('pay', {
    retry: { attempts: 3 },
    timeout: '5s',
    do: ({ call, input }) => call(remote.pay, input),
    undo: ({ call, input }) => call(remote.repay, input),
  })
  .local('finish', {
    do: async ({ tx, input, results, publish }) => {
      await tx.run('update note set text = ? where id = ?', `seat ${results.book.seat}`, input.id);
      publish('booked', input);
    },
  });

/** Returns a new database without sagas, and a callee whose answers the test gives. */
export async function openWorld(driver: StoreDriver, clock: Time, random: Random): Promise<World> {
  const said: string[] = [];
  const log: Observe['log'] = (level, message, { attempts } = {}) =>
    void said.push(`${level}: ${message}${attempts === undefined ? '' : ` (${attempts})`}`);
  const transactions: string[] = [];
  const span: Observe['span'] = (name, attributes, place) => ({
    ...silent.span(name, attributes, place),
    end(outcome, error) {
      if (name === 'seaworthy_store_transaction') transactions.push(error === undefined ? outcome : `${outcome}, a failure`);
    },
  });
  const rt = runtime({ clock, random, observe: { ...silent, log, span } });
  const store = await driver.open('trips', rt);
  await store.migrate([
    ...workerMigrations,
    ...outboxMigrations,
    ...sagaMigrations,
    {
      name: 'trips/1',
      statements: ({ types: { key, text } }) => [`create table note (id ${key} not null primary key, text ${text} not null)`],
    },
  ]);
  const callee: Callee = { log: [], options: [], answers: {} };
  const counts = new Map<string, number>();
  const call: Caller = (operation, input, options = {}) => {
    const { name } = operation as { name: string };
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    callee.log.push(`${name} ${(input as { id: string }).id}`);
    callee.options.push(options);
    const answered = (async () => (callee.answers[name] ? callee.answers[name](count) : name === 'book' ? { seat: 7 } : undefined))();
    return reply(answered as Promise<never>, { Full: undefined });
  };
  const made: World = {
    clock,
    runtime: rt,
    store,
    callee,
    said,
    transactions,
    async process(sagas, view = store, more = {}) {
      const own = await worker(view, rt);
      const engine = new SagaEngine({
        store: view as Store<unknown, unknown>,
        runtime: rt,
        contract: trips as unknown as Contract<string, Members>,
        sagas,
        call,
        worker: own,
        ...more,
      });
      await engine.begin();
      return { engine, worker: own };
    },
    async run(engine, work) {
      let started: ReturnType<SagaEngine['collect']> | undefined;
      await store.transaction(async (tx) => {
        started = engine.collect(tx);
        work(started, tx);
        await started.write(tx);
      });
      started?.committed();
    },
    async instance() {
      const [row] = await store.read.all('select * from sw_saga');
      assert.ok(row, 'there is an instance');
      return instanceOf(row);
    },
    async until(state) {
      for (let round = 0; round < 2000; round++) {
        const now = await made.instance();
        if (now.state === state) return now;
        await clock.advance(100);
      }
      assert.fail(`it is ${JSON.stringify(await made.instance())}, and not ${state}`);
    },
    async when(what, holds) {
      for (let round = 0; round < 1000; round++) {
        if (await holds()) return;
        await clock.advance(10);
      }
      assert.fail(`it never came to be that ${what}`);
    },
    start: (engine) => made.run(engine, ({ start }) => start(trip, { id: 't' })),
    note: async () => (await store.read.all('select text from note'))[0]?.['text'],
  };
  return made;
}

/** Returns the orphans that a worker may take from a view of the world's database. */
export function orphansOf(world: World, view: Store, worker: Worker, ...sagas: readonly AnySaga[]): Orphans {
  const given = { store: view as Store<unknown, unknown>, runtime: world.runtime, worker };
  return orphans({
    ...given,
    sagas: new Map(sagas.map((one) => [one.name, one])),
    deadlines: deadlines(given.store, given.runtime, worker),
  });
}

/** Returns the stores that the tests run on: a database in `dir`, and one whose transactions conflict. */
export const stores = (dir: string): readonly (readonly [string, () => StoreDriver])[] => {
  let folder = 0;
  return [
    ['sqlite', () => sqlite({ dir: join(dir, String(folder++)) })],
    ['memory, conflicting', memory],
  ];
};

/** Returns a trip that is stuck, and the engine that ran it. */
export async function stuck(world: World): Promise<{ readonly engine: SagaEngine; readonly instance: Instance }> {
  world.callee.answers = {
    pay: () => {
      throw new Failure('Broke', undefined);
    },
    unbook: () => {
      throw new Error('no');
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  return { engine, instance: await world.until('stuck') };
}
