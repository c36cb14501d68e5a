import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { z } from 'zod';
import { Failure, reply } from '../client/call.ts';
import type { Caller, CallOptions } from '../client/caller.ts';
import { CallFailed } from '../client/errors.ts';
import { type Contract, command, contract, event, type Members } from '../contract/contract.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { Crashed, fuse, mortalStore } from '../outbox/conformance/mortal.ts';
import { outboxMigrations } from '../outbox/tables.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import { memory } from '../store/drivers/memory.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import type { Store, StoreDriver, Tx } from '../store/store.ts';
import { type Worker, worker, workerMigrations } from '../store/worker.ts';
import { seededRandom, type VirtualClock, virtualClock } from '../testing/clock.ts';
import type { Cause } from './cause.ts';
import { type SagaEngine, sagaEngine } from './engine.ts';
import { forgetEnded, type Instance, instanceOf, markStopping } from './journal.ts';
import { type AnySaga, saga } from './saga.ts';
import { sagaMigrations } from './tables.ts';
import { judge, stuckSagas } from './verdict.ts';
import { SagaStranded } from './versions.ts';

const Ref = z.object({ id: z.string() });
const remote = contract('remote', {
  book: command({ http: 'POST /book', input: Ref, output: z.object({ seat: z.int() }), errors: { Full: { status: 409 } } }),
  unbook: command({ http: 'POST /unbook', input: Ref }),
  pay: command({ http: 'POST /pay', input: Ref }),
  repay: command({ http: 'POST /repay', input: Ref }),
});
const trips = contract('trips', { booked: event({ key: 'id', data: Ref }) });

/** What the callee does when asked, and what it was asked. */
interface Callee {
  readonly log: string[];
  readonly options: CallOptions[];
  answers: Record<string, (attempt: number) => unknown>;
}

interface World {
  readonly clock: VirtualClock;
  readonly runtime: Runtime;
  readonly store: Store;
  readonly callee: Callee;
  /** Another process on the same database, or on a view of it. */
  process(sagas: readonly AnySaga[], view?: Store): Promise<{ readonly engine: SagaEngine; readonly worker: Worker }>;
  run(engine: SagaEngine, work: (started: ReturnType<SagaEngine['collect']>, tx: Tx) => void): Promise<void>;
  instance(): Promise<Instance>;
  until(state: string): Promise<Instance>;
}

const trip = saga(trips, 'trip', { input: Ref, uses: [remote], key: ({ id }) => id })
  .local('note', {
    do: async ({ tx, input }) => {
      await tx.run('insert into note (id, text) values (?, ?)', input.id, 'open');
    },
    undo: async ({ tx, input, cause }) => {
      await tx.run(
        'update note set text = ? where id = ?',
        `${cause.kind}/${'reason' in cause ? cause.reason : 'name' in cause ? cause.name : cause.step}`,
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

async function world(driver: StoreDriver, seed: number): Promise<World> {
  const clock = virtualClock();
  const rt = runtime({ clock, random: seededRandom(seed) });
  const store = await driver.open('trips', rt);
  await store.migrate([
    ...workerMigrations,
    ...outboxMigrations(store.dialect),
    ...sagaMigrations(store.dialect),
    { name: 'trips/1', statements: ['create table note (id text primary key, text text not null)'] },
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
    return reply(answered as Promise<never>, ['Full']);
  };
  const made: World = {
    clock,
    runtime: rt,
    store,
    callee,
    async process(sagas, view = store) {
      const own = await worker(view, rt);
      const engine = sagaEngine({
        store: view as Store<unknown, unknown>,
        runtime: rt,
        contract: trips as unknown as Contract<string, Members>,
        sagas,
        call,
        worker: own,
        published: () => {},
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
  };
  return made;
}

const note = async ({ store }: World): Promise<unknown> => (await store.read.all('select text from note'))[0]?.['text'];

const root = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

const drivers: readonly [string, () => StoreDriver][] = [
  ['sqlite', () => sqlite({ dir: join(root, String(folder++)) })],
  ['memory, conflicting', memory],
];

for (const [name, driver] of drivers) {
  describe(`sagas on ${name}`, () => {
    const named = (title: string, body: (sea: World) => Promise<void>): void => {
      test(title, async () => body(await world(driver(), 1)));
    };
    const start = (sea: World, engine: SagaEngine): Promise<void> => sea.run(engine, ({ start }) => start(trip, { id: 't' }));

    named('runs its steps in order, each with the results before it, and publishes with its last transaction', async (sea) => {
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      const { journal } = await sea.until('done');
      assert.deepEqual(sea.callee.log, ['book t', 'pay t']);
      assert.equal(await note(sea), 'seat 7');
      assert.equal((await sea.store.read.all('select 1 from sw_outbox')).length, 1);
      assert.deepEqual(
        journal.map(({ step, state }) => `${step} ${state}`),
        ['note done', 'book done', 'pay done', 'finish done'],
      );
    });

    named('G1: what the handler rolls back, it never started', async (sea) => {
      const { engine } = await sea.process([trip]);
      const work = sea.store.transaction(async (tx) => {
        const started = engine.collect(tx);
        started.start(trip, { id: 't' });
        await started.write(tx);
        throw new Error('no');
      });
      await assert.rejects(work, /no/);
      assert.deepEqual(await sea.store.read.all('select 1 from sw_saga'), []);
      assert.deepEqual(await sea.store.read.all('select 1 from note'), []);
    });

    named('the same key again is the same instance', async (sea) => {
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      await sea.until('done');
      await start(sea, engine);
      await sea.clock.advance(5000);
      assert.equal((await sea.store.read.all('select 1 from sw_saga')).length, 1);
      assert.deepEqual(sea.callee.log, ['book t', 'pay t']);
    });

    named('G6: a declared error is no attempt to undo: only what was before it is undone, in reverse', async (sea) => {
      sea.callee.answers = {
        pay: () => {
          throw new Failure('Broke', undefined);
        },
      };
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      await sea.until('undone');
      assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'unbook t/7']);
      assert.equal(await note(sea), 'declared/Broke');
    });

    named('G6: an unknown outcome is tried again under the same key, then undone too, with its result unseen', async (sea) => {
      sea.callee.answers = {
        book: () => {
          throw new Error('connection lost');
        },
      };
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      const { id } = await sea.until('undone');
      assert.deepEqual(sea.callee.log, ['book t', 'book t', 'book t', 'unbook t/unseen']);
      assert.deepEqual(
        sea.callee.options.map(({ key, undoes }) => [key, undoes]),
        [...Array(3).fill([`${id}.book#1`, undefined]), [`${id}.book.undo#1`, `${id}.book`]],
      );
      assert.equal(await note(sea), 'failed/book');
    });

    named('G6: the intent is written before the effect', async (sea) => {
      let seen: unknown;
      sea.callee.answers = {
        pay: async () => {
          seen = (await sea.instance()).journal.at(-1);
        },
      };
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      await sea.until('done');
      assert.deepEqual(seen, { step: 'pay', state: 'intended' });
    });

    named('a hanging step is cut at its timeout, and counts as unknown', async (sea) => {
      sea.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined) };
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      await sea.until('done');
      assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'pay t']);
    });

    named('G6: an open breaker and a call in progress postpone a step, and are no attempts', async (sea) => {
      sea.callee.answers = {
        pay: (attempt) => {
          if (attempt < 6) throw new BreakerOpen('open', { retryAfterMs: 3000 });
          if (attempt < 9)
            throw new CallFailed('remote.pay', { type: 'about:blank', title: 'Conflict', status: 409, code: 'SW_IDEMPOTENCY_IN_PROGRESS' });
        },
      };
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      assert.equal((await sea.until('done')).attempts, 0);
      assert.equal(sea.callee.log.length, 10);
    });

    named('G6: an undo that cannot succeed leaves it stuck; a verdict sets it going again', async (sea) => {
      let mended = false;
      sea.callee.answers = {
        pay: () => {
          throw new Failure('Broke', undefined);
        },
        unbook: () => {
          if (!mended) throw new Error('no');
        },
      };
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      const { id } = await sea.until('stuck');
      const [stuck] = await stuckSagas(sea.store.read);
      assert.equal(stuck?.error, 'no');
      assert.equal(sea.callee.log.filter((line) => line.startsWith('unbook')).length, 10);
      mended = true;
      await judge(sea.store as Store<unknown, unknown>, sea.runtime, id, { kind: 'retry' });
      await sea.until('undone');
    });

    for (const [verdict, last] of [
      [{ kind: 'skip' }, 'unbook t/7'],
      [{ kind: 'result', result: { seat: 9 } }, 'unbook t/9'],
    ] as const) {
      named(`G6: the verdict ${verdict.kind}`, async (sea) => {
        sea.callee.answers = {
          pay: () => {
            throw new Failure('Broke', undefined);
          },
          unbook: () => {
            if (sea.callee.log.at(-1) !== 'unbook t/9') throw new Error('no');
          },
        };
        const { engine } = await sea.process([trip]);
        await start(sea, engine);
        const { id } = await sea.until('stuck');
        await judge(sea.store as Store<unknown, unknown>, sea.runtime, id, verdict);
        await sea.until('undone');
        assert.equal(sea.callee.log.at(-1), last);
        assert.equal(await note(sea), 'declared/Broke');
      });
    }

    named('stop: the running step is cut, everything is undone, and its reason told', async (sea) => {
      sea.callee.answers = { pay: () => new Promise(() => {}) };
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      for (let round = 0; round < 50 && sea.callee.log.length < 2; round++) await sea.clock.advance(10);
      await sea.run(engine, ({ stop }) => stop(trip, 't', 'changed my mind'));
      await sea.until('undone');
      assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'repay t', 'unbook t/7']);
      assert.equal(await note(sea), 'stopped/changed my mind');
    });

    named('stop: an ended saga is left alone', async (sea) => {
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      await sea.until('done');
      await sea.run(engine, ({ stop }) => stop(trip, 't', 'too late'));
      await sea.clock.advance(5000);
      assert.equal((await sea.instance()).state, 'done');
    });

    named('a failing local step takes nothing of the step before it along, is tried again, and then undone without itself', async (sea) => {
      let runs = 0;
      const bad = saga(trips, 'bad', { input: Ref, uses: [remote] })
        .step('book', { do: ({ call, input }) => call(remote.book, input), undo: ({ call, input }) => call(remote.unbook, input) })
        .local('finish', {
          do: () => {
            runs++;
            throw new Error('never');
          },
        });
      const { engine } = await sea.process([bad]);
      await sea.run(engine, ({ start }) => start(bad, { id: 'b' }));
      const { cause } = await sea.until('undone');
      assert.deepEqual(sea.callee.log, ['book b', 'unbook b']);
      assert.equal(runs >= 3, true);
      assert.deepEqual(cause, { kind: 'failed', step: 'finish', message: 'never' } satisfies Omit<Cause & { kind: 'failed' }, 'code'>);
    });

    named('G7: another worker takes over what a dead one left, and a stalled one writes nothing any more', async (sea) => {
      let resume: (value: unknown) => void = () => {};
      sea.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise((resolve) => (resume = resolve)) : undefined) };
      const first = await sea.process([trip]);
      await start(sea, first.engine);
      for (let round = 0; round < 50 && sea.callee.log.length < 2; round++) await sea.clock.advance(10);
      // Its heart stops, but it does not know: its row goes, as if it had not beaten for long.
      await sea.store.transaction((tx) => tx.run('delete from sw_worker where id = ?', first.worker.id));
      await sea.process([trip]);
      await sea.until('done');
      const after = await sea.instance();
      resume(undefined);
      await sea.clock.advance(3000);
      assert.deepEqual(await sea.instance(), after);
      assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'pay t']);
    });

    named('G7: a fence on every write: who was taken over cannot write what it still learns', async (sea) => {
      const resume: ((value: unknown) => void)[] = [];
      sea.callee.answers = { pay: () => new Promise((resolve) => resume.push(resolve)) };
      const first = await sea.process([trip]);
      await start(sea, first.engine);
      for (let round = 0; round < 50 && resume.length < 1; round++) await sea.clock.advance(10);
      await sea.store.transaction((tx) => tx.run('delete from sw_worker where id = ?', first.worker.id));
      await sea.process([trip]);
      for (let round = 0; round < 50 && resume.length < 2; round++) await sea.clock.advance(100);
      resume[0]?.(undefined);
      for (let round = 0; round < 50; round++) await sea.clock.advance(1);
      assert.deepEqual((await sea.instance()).journal.at(-1), { step: 'pay', state: 'intended' });
      resume[1]?.(undefined);
      await sea.until('done');
    });

    named('stop: decided by the database, also when the last step succeeds in the same moment', async (sea) => {
      let resume: (value: unknown) => void = () => {};
      sea.callee.answers = { pay: () => new Promise((resolve) => (resume = resolve)) };
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      for (let round = 0; round < 50 && sea.callee.log.length < 2; round++) await sea.clock.advance(10);
      // Another process wrote it: nobody has told this one.
      await sea.store.transaction((tx) => markStopping(tx, 'trip', 't', 'elsewhere'));
      resume(undefined);
      await sea.until('undone');
      assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'repay t', 'unbook t/7']);
      assert.equal(await note(sea), 'stopped/elsewhere');
      assert.equal((await sea.store.read.all('select 1 from sw_outbox')).length, 0);
    });

    named('G8: a definition that cannot carry on live instances is refused by name; one that can is not', async (sea) => {
      sea.callee.answers = { pay: () => new Promise(() => {}) };
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      for (let round = 0; round < 50 && sea.callee.log.length < 2; round++) await sea.clock.advance(10);
      await engine.close(AbortSignal.abort(new Error('deploy')));
      const inserted = saga(trips, 'trip', { input: Ref, uses: [remote], key: ({ id }) => id })
        .step('first', { do: ({ call, input }) => call(remote.pay, input) })
        .step('book', { do: ({ call, input }) => call(remote.book, input) });
      const longer = trip.local('more', { do: () => {} });
      await assert.rejects(
        sea.process([inserted]),
        (error: unknown) => error instanceof SagaStranded && /trip t .*its step 1 was note and is first now/.test(error.message),
      );
      await assert.rejects(sea.process([]), /there is no such saga any more/);
      await sea.process([longer]);
    });

    named('G7: a running saga whose done step has lost its undo is refused', async (sea) => {
      sea.callee.answers = { pay: () => new Promise(() => {}) };
      const { engine, worker } = await sea.process([trip]);
      await start(sea, engine);
      for (let round = 0; round < 50 && sea.callee.log.length < 2; round++) await sea.clock.advance(10);
      await engine.close(AbortSignal.abort(new Error('down')));
      await worker.close();
      const lost = saga(trips, 'trip', { input: Ref, uses: [remote], key: ({ id }) => id })
        .local('note', { do: () => {}, undo: () => {} })
        .step('book', { do: ({ call, input }) => call(remote.book, input) })
        .step('pay', { do: () => {}, undo: () => {} });
      await assert.rejects(sea.process([lost]), /trip t .*its step book can no longer be undone/);
    });

    named('an ended saga is forgotten after its time, and its key is free again; a live one never', async (sea) => {
      const { engine } = await sea.process([trip]);
      await start(sea, engine);
      const { changed } = await sea.until('done');
      const forget = (before: number): Promise<number> => sea.store.transaction((tx) => forgetEnded(tx, before, 10));
      await sea.clock.advance(5);
      assert.equal(await forget(changed), 0);
      sea.callee.answers = { pay: () => new Promise(() => {}) };
      await sea.run(engine, ({ start }) => start(trip, { id: 'live' }));
      await sea.clock.advance(100);
      assert.equal(await forget(sea.clock.now()), 1);
      assert.equal((await sea.instance()).key, 'live');
      await engine.close(AbortSignal.abort(new Error('over')));
    });

    named('G13: a close cuts the running step without a failure; the next start goes on with it', async (sea) => {
      sea.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined) };
      const first = await sea.process([trip]);
      await start(sea, first.engine);
      for (let round = 0; round < 50 && sea.callee.log.length < 2; round++) await sea.clock.advance(10);
      await first.engine.close(AbortSignal.abort(new Error('down')));
      await first.worker.close();
      assert.deepEqual([(await sea.instance()).state, (await sea.instance()).attempts], ['running', 0]);
      await sea.process([trip]);
      await sea.until('done');
    });

    named('a result that is no JSON is refused by name, and its step undone', async (sea) => {
      const odd = saga(trips, 'odd', { input: Ref, uses: [remote] }).step('count', {
        retry: { attempts: 1 },
        do: () => 1n as unknown,
        undo: ({ call, input }) => call(remote.unbook, input),
      });
      const { engine } = await sea.process([odd]);
      await sea.run(engine, ({ start }) => start(odd, { id: 'o' }));
      const { cause } = await sea.until('undone');
      assert.match(JSON.stringify(cause), /the result of the step count is no JSON/);
    });
  });
}

/** A process dies at its `steps`th statement or commit; another one carries on. What must hold then. */
async function dieAt(steps: number, broke: boolean): Promise<boolean> {
  const sea = await world(memory(), steps);
  sea.callee.answers = broke
    ? {
        pay: () => {
          throw new Failure('Broke', undefined);
        },
      }
    : {};
  const life = fuse(steps);
  const mortal = mortalStore(sea.store, life);
  const started = (async () => {
    const { engine } = await sea.process([trip], mortal);
    let collected: ReturnType<SagaEngine['collect']> | undefined;
    await mortal.transaction(async (tx) => {
      collected = engine.collect(tx);
      collected.start(trip, { id: 't' });
      await collected.write(tx);
    });
    collected?.committed();
    for (let round = 0; round < 100 && !life.blown && !(await sea.instance()).state.startsWith(broke ? 'undone' : 'done'); round++)
      await sea.clock.advance(10);
  })().catch((error: unknown) => {
    if (!(error instanceof Crashed)) throw error;
  });
  await sea.clock.run(started);
  await sea.process([trip]);
  const rows = await sea.store.read.all('select 1 from sw_saga');
  if (rows.length === 0) {
    assert.deepEqual(sea.callee.log, [], 'what was never committed has no effect');
    return life.blown;
  }
  const { journal } = await sea.until(broke ? 'undone' : 'done');
  // The callee does each key once (G9), so what counts is which keys it has seen, and in which order first.
  const keys = [...new Set(sea.callee.options.map(({ key }) => key?.split('.').slice(1).join('.')))];
  assert.deepEqual(keys, broke ? ['book#1', 'pay#1', 'book.undo#1'] : ['book#1', 'pay#1']);
  assert.equal(await note(sea), broke ? 'declared/Broke' : 'seat 7');
  assert.equal((await sea.store.read.all('select 1 from sw_outbox')).length, broke ? 0 : 1);
  assert.equal(journal.length, broke ? 3 : 4);
  return life.blown;
}

for (const broke of [false, true]) {
  test(`G2, G6, G7: a crash between any two statements of a saga that is ${broke ? 'undone' : 'done'}`, async () => {
    let steps = 1;
    while (await dieAt(steps, broke)) steps++;
    assert.ok(steps > 15, `it died at ${steps} places`);
  });
}

test('two steps of one name, and names that cannot be kept, are refused', () => {
  const one = saga(trips, 'one', { input: Ref }).local('a', { do: () => 1 });
  assert.throws(() => one.local('a' as never, { do: () => 2 }), /two steps named a/);
  assert.throws(() => saga(trips, 'No Name', { input: Ref }), /lower case/);
  assert.throws(() => saga(trips, 'x', { input: Ref }).local('a b', { do: () => 1 }), /step name/);
});
