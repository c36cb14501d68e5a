import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { Failure } from '../client/call.ts';
import { caller } from '../client/caller.ts';
import { CallFailed } from '../client/errors.ts';
import { local } from '../client/transports/local.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import { RunOver } from '../core/lifetime.ts';
import { type Observe, silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { policyOn } from '../resilience/policy.ts';
import { saga } from '../saga/definition.ts';
import { memory } from '../store/drivers/memory.ts';
import { TransactionOver } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { external, type Handler, type Reaction, remote } from './handler.ts';
import { run } from './lifecycle.ts';
import { rerunning } from './rerunning.fixture.ts';
import { service } from './service.ts';

const Ref = z.object({ id: z.string(), items: z.array(z.string()).default([]) });
const errors = { Full: { status: 409 } } as const;
const desk = contract('desk', {
  write: command({ http: 'POST /write', input: Ref, errors }),
  reach: command({ http: 'POST /reach', input: Ref, errors }),
  ask: query({ http: 'GET /ask', input: z.object({ id: z.string() }), output: z.object({ rows: z.int() }), errors }),
  far: query({ http: 'GET /far', input: z.object({ id: z.string() }), output: z.object({ rows: z.int() }), errors }),
  said: event({ key: 'id', data: Ref }),
});
const job = saga(desk, 'job', { input: Ref, key: ({ id }) => id, uses: [desk] }).step('write', { do: () => new Promise(() => {}) });

type Write = Extract<Handler<typeof desk, 'write'>, (...given: never[]) => unknown>;
type Ask = Extract<Handler<typeof desk, 'ask'>, (...given: never[]) => unknown>;
type Context = Parameters<Write>[0];
type Hears = Reaction<typeof desk, typeof desk.said>;

/** What the handlers do in a test. */
interface Acts {
  readonly write?: Write;
  readonly before?: Write;
  readonly after?: Write;
  readonly hears?: Hears;
  readonly ask?: Ask;
}

async function openWorld(acts: Acts, view: (store: Store) => Store = (store) => store) {
  const clock = virtualClock();
  const logged: unknown[] = [];
  const observe: Observe = { ...silent, log: (_level, _message, { error } = {}) => void logged.push(error) };
  // Below one half the store sees no conflicts by chance: how often a handler runs is what these tests say.
  const chance = seededRandom(1);
  const rt = runtime({ clock, random: { next: () => chance.next() / 2 }, observe });
  const store = await memory().open('desk', rt);
  await store.migrate([{ name: 'desk/1', statements: ['create table note (id text primary key)'] }]);
  const bus = await memoryBus().open(rt);
  const call = (() => assert.fail('it calls nobody')) as never;
  const defined = service(desk, {
    handlers: {
      write: (context) => acts.write?.(context),
      reach: external({
        before: (context) => acts.before?.(context) as undefined,
        do: () => 'done',
        after: (context) => acts.after?.(context),
      }),
      ask: (context) => acts.ask?.(context) ?? { rows: 0 },
      far: remote(({ fail }) => {
        fail('Full');
        return { rows: 0 };
      }),
    },
    on: (on) => [on(desk.said, (context) => acts.hears?.(context))],
    sagas: [job],
  });
  const running = await run(defined, { runtime: rt, store: { open: async () => view(store) }, bus, call });
  await running.begin();
  const calling = caller({ runtime: rt, transportOf: () => local('desk', () => running.endpoint), policyOf: () => policyOn(rt) });
  const outcome = (work: Promise<unknown>): Promise<unknown> =>
    clock.run(
      work.then(
        () => 'ok',
        (error: unknown) => (error instanceof CallFailed ? error.problem.code : (error as Error).name),
      ),
    );
  return {
    ...{ clock, store, logged },
    write: (id = 'a', items: string[] = []) => outcome(calling(desk.write, { id, items })),
    reach: (id = 'a', items: string[] = []) => outcome(calling(desk.reach, { id, items })),
    ask: () => outcome(calling(desk.ask, { id: 'a' })),
    far: () => outcome(calling(desk.far, { id: 'a' })),
    notes: async () => (await store.read.all('select id from note order by id')).map(({ id }) => String(id)),
    async left() {
      const counts = await Promise.all(['note', 'sw_outbox', 'sw_saga'].map((table) => store.read.all(`select 1 from ${table}`)));
      return counts.map((rows) => rows.length);
    },
    async until(what: string, holds: () => Promise<boolean>) {
      for (let round = 0; round < 1000; round++) {
        if (await holds()) return;
        await clock.advance(10);
      }
      assert.fail(`it never came to be that ${what}`);
    },
    async end() {
      const down = AbortSignal.abort(new Error('down'));
      await running.quiesce(down);
      await running.close(down);
      await bus.close();
    },
  };
}

const note = (tx: Context['tx'], id: string): Promise<unknown> => tx.run('insert into note values (?)', id);

test('events and sagas of a savepoint are rolled back with it, in a command and in both transactions of an external one', async () => {
  const act: Write = async ({ input, tx, publish, start }) => {
    const inside = tx.savepoint(async () => {
      await note(tx, input.id);
      publish('said', input);
      start(job, input);
      throw new Error('undone');
    });
    await assert.rejects(inside, /undone/);
  };
  const world = await openWorld({ write: act, before: act, after: act });
  assert.equal(await world.write(), 'ok');
  assert.equal(await world.reach(), 'ok');
  assert.deepEqual(await world.left(), [0, 0, 0]);
  await world.end();
});

test('everything that a handler was given throws RunOver after its end, and the use is logged', async () => {
  let kept: Context | undefined;
  let asked: Parameters<Ask>[0] | undefined;
  const world = await openWorld({
    write(context) {
      kept = context;
    },
    ask: (context) => {
      asked = context;
      return { rows: 0 };
    },
  });
  assert.equal(await world.write(), 'ok');
  assert.equal(await world.ask(), 'ok');
  assert.ok(kept && asked);
  const { publish, start, stop, fail, tx } = kept;
  const { read, fail: failing } = asked;
  const input = { id: 'late', items: [] };
  const uses = [() => publish('said', input), () => start(job, input), () => stop(job, 'late', 'late'), () => fail('Full')];
  for (const use of [...uses, () => failing('Full')]) assert.throws(use, RunOver);
  await assert.rejects(note(tx, 'late'), RunOver);
  await assert.rejects(read.all('select 1'), RunOver);
  // Nobody awaits these.
  void note(tx, 'late');
  void read.all('select 1');
  assert.equal(world.logged.filter((error) => error instanceof RunOver).length, 9);
  assert.deepEqual(await world.left(), [0, 0, 0]);
  await world.end();
});

test('a branch that continues after its handler has failed has no effect', async () => {
  const late: unknown[] = [];
  const branched = Promise.withResolvers<void>();
  const world = await openWorld({
    async write({ input, tx, publish, fail }) {
      const failed = Promise.withResolvers<never>();
      const branch = async (): Promise<void> => {
        await failed.promise.catch(() => {});
        // In the midst of what is recorded.
        for (let round = 0; round < 5; round++) {
          await Promise.resolve();
          await note(tx, `${input.id}${round}`).catch((error: unknown) => late.push(error));
        }
        try {
          publish('said', input);
        } catch (error) {
          late.push(error);
        }
        branched.resolve();
      };
      failed.reject(fail('Full'));
      await Promise.all([failed.promise, branch()]);
    },
  });
  assert.equal(await world.write(), 'Full');
  await branched.promise;
  assert.deepEqual(await world.left(), [0, 0, 0]);
  assert.ok(late.length > 0 && late.every((error) => error instanceof RunOver || error instanceof TransactionOver));
  // The failure of the handler is the answer, so the late uses are not logged.
  assert.deepEqual(world.logged, []);
  await world.end();
});

test('a failed statement that was not awaited fails its handler with SW_NOT_AWAITED, and everything is rolled back', async () => {
  const act: Write = async ({ input, tx, publish }) => {
    await note(tx, input.id);
    publish('said', input);
    void note(tx, input.id);
  };
  const world = await openWorld({
    ...{ write: act, before: act },
    ask: ({ read }) => {
      void read.all('select * from nowhere');
      return { rows: 0 };
    },
  });
  assert.equal(await world.write(), 'SW_NOT_AWAITED');
  assert.equal(await world.reach(), 'SW_NOT_AWAITED');
  assert.equal(await world.ask(), 'SW_NOT_AWAITED');
  const messages = world.logged.map((error) => String((error as Error).message));
  assert.match(messages[0] ?? '', /the handler of desk\.write.*insert into note values \(\?\)/);
  assert.match(messages[1] ?? '', /`before` of desk\.reach/);
  assert.match(messages[2] ?? '', /the handler of desk\.ask.*select \* from nowhere/);
  assert.deepEqual(await world.left(), [0, 0, 0]);
  await world.end();
});

test('an `after` and a reaction with a statement that is not awaited are rolled back and retried', async () => {
  let runs = 0;
  const act = async (tx: Context['tx'], id: string): Promise<void> => {
    await note(tx, id);
    if (runs++ < 2) void note(tx, id);
  };
  const world = await openWorld({
    after: ({ tx, publish, input }) => {
      if (runs === 0) publish('said', input);
      return act(tx, 'after');
    },
    write: ({ publish, input }) => publish('said', input),
    hears: ({ tx }) => act(tx, 'heard'),
  });
  assert.equal(await world.reach(), 'SW_NOT_AWAITED');
  await world.until('its outcome is written', async () => (await world.notes()).includes('after'));
  assert.equal(runs, 3);
  runs = 0;
  assert.equal(await world.write(), 'ok');
  await world.until('it was heard', async () => (await world.notes()).includes('heard'));
  assert.equal(runs, 3);
  await world.end();
});

test('a handler that makes a failure and returns is rolled back with SW_FAILURE_NOT_THROWN, unless a savepoint threw the failure', async () => {
  const returns: Write = async ({ input, tx, fail }) => {
    await note(tx, input.id);
    fail('Full');
  };
  const goesOn: Write = async ({ input, tx, fail }) => {
    const part = tx.savepoint(async () => {
      await note(tx, `${input.id} in part`);
      throw fail('Full');
    });
    await part.catch((error: unknown) => assert.ok(error instanceof Failure));
    await note(tx, input.id);
  };
  const asks = ({ fail }: { readonly fail: (name: 'Full') => unknown }): { rows: number } => {
    fail('Full');
    return { rows: 0 };
  };
  const wrong = await openWorld({ write: returns, before: returns, ask: asks });
  for (const work of [wrong.write, wrong.reach, wrong.ask, wrong.far]) assert.equal(await work(), 'SW_FAILURE_NOT_THROWN');
  assert.deepEqual(await wrong.left(), [0, 0, 0]);
  await wrong.end();
  const concluding = await openWorld({ after: returns });
  assert.equal(await concluding.reach(), 'SW_FAILURE_NOT_THROWN');
  assert.deepEqual(await concluding.left(), [0, 0, 0]);
  await concluding.end();
  const right = await openWorld({ write: goesOn });
  assert.equal(await right.write(), 'ok');
  assert.deepEqual(await right.notes(), ['a']);
  await right.end();
});

test('a repeated run sees neither the failures of the run before nor its changes of the input', async () => {
  let runs = 0;
  const act =
    (by: string): Write =>
    async ({ input, tx, publish, fail }) => {
      if (runs++ % 2 === 0) fail('Full');
      for (const item of input.items.splice(0)) await note(tx, `${by} ${item}`);
      publish('said', input);
    };
  const heard: unknown[] = [];
  const hears: Hears = ({ data }) => {
    heard.push(data.items.length);
    data.items.push('one more');
  };
  const world = await openWorld({ write: act('write'), before: act('before'), after: act('after'), hears }, rerunning);
  assert.equal(await world.write('w', ['x', 'y']), 'ok');
  assert.equal(await world.reach('r', ['x']), 'ok');
  await world.until('all was heard', async () => heard.length >= 6);
  assert.deepEqual(await world.notes(), ['after x', 'before x', 'write x', 'write y']);
  assert.ok(heard.every((length) => length === 0));
  await world.end();
});
