import assert from 'node:assert/strict';
import { Failure } from '../client/call.ts';
import { lossy } from '../contract/conformance/lossy.ts';
import { thrown } from '../core/conformance/thrown.ts';
import type { Deadline } from '../core/deadline.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { SagaInputInvalid } from './starts.ts';
import { ResultInvalid } from './step-run.ts';
import { Ref, remote, trip, trips, type World } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const warnings = ({ said }: World): readonly string[] => said.filter((line) => line.startsWith('warn'));

named('runs its steps in order, each with the results before it, and publishes with its last transaction', async (world) => {
  const { engine } = await world.process([trip]);
  await world.start(engine);
  const { journal } = await world.until('done');
  assert.deepEqual(world.callee.log, ['book t', 'pay t']);
  assert.equal(await world.note(), 'seat 7');
  assert.equal((await world.store.read.all('select 1 from sw_outbox')).length, 1);
  assert.deepEqual(
    journal.map(({ step, state }) => `${step} ${state}`),
    ['note done', 'book done', 'pay done', 'finish done'],
  );
});

named('G1: a saga of a handler that rolls back never starts', async (world) => {
  const { engine } = await world.process([trip]);
  const work = world.store.transaction(async (tx) => {
    const started = engine.collect(tx);
    started.start(trip, { id: 't' });
    await started.write(tx);
    throw new Error('no');
  });
  await assert.rejects(work, /no/);
  assert.deepEqual(await world.store.read.all('select 1 from sw_saga'), []);
  assert.deepEqual(await world.store.read.all('select 1 from note'), []);
});

named('the same key again is the same instance', async (world) => {
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.until('done');
  await world.start(engine);
  await world.clock.advance(5000);
  assert.equal((await world.store.read.all('select 1 from sw_saga')).length, 1);
  assert.deepEqual(world.callee.log, ['book t', 'pay t']);
});

named('G6: the intent is written before the effect', async (world) => {
  let seen: unknown;
  world.callee.answers = {
    pay: async () => {
      seen = (await world.instance()).journal.at(-1)?.state;
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.until('done');
  assert.equal(seen, 'intended');
});

named('a hanging step is aborted at its timeout, and its outcome is unknown', async (world) => {
  world.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined) };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.until('done');
  assert.deepEqual(world.callee.log, ['book t', 'pay t', 'pay t']);
});

named('a result that JSON would change is refused by name, in a remote and in a local step, and so is such an input', async (world) => {
  let value: unknown;
  const odd = saga(trips, 'odd', { input: Ref, uses: [remote] }).step('count', { retry: { attempts: 1 }, do: () => ({ value }) });
  const here = saga(trips, 'here', { input: Ref }).local('count', { retry: { attempts: 1 }, do: () => ({ value }) });
  const { engine } = await world.process([odd, here]);
  for (const [what, [one]] of Object.entries(lossy)) {
    value = one;
    await assert.rejects(
      world.run(engine, ({ start }) => start(here, { id: what })),
      ResultInvalid,
      what,
    );
    await assert.rejects(
      world.run(engine, ({ start }) => start(odd, { id: what, more: one } as never)),
      SagaInputInvalid,
      what,
    );
  }
  value = new Map();
  await world.run(engine, ({ start }) => start(odd, { id: 'o' }));
  const { cause } = await world.until('undone');
  assert.match(JSON.stringify(cause), /the result of the step count is not JSON: value: is an instance of Map/);
});

named('a result that is not JSON is refused by name, and its step undone', async (world) => {
  const odd = saga(trips, 'odd', { input: Ref, uses: [remote] }).step('count', {
    retry: { attempts: 1 },
    do: () => 1n as unknown,
    undo: ({ call, input }) => call(remote.unbook, input),
  });
  const { engine } = await world.process([odd]);
  await world.run(engine, ({ start }) => start(odd, { id: 'o' }));
  const { cause } = await world.until('undone');
  assert.match(JSON.stringify(cause), /the result of the step count is not JSON: is a bigint/);
});

named('every failed run of a step or of an undo is logged by its name, a declared error is not', async (world) => {
  world.callee.answers = {
    pay(count) {
      if (count < 4) throw new Error('down');
      throw new Failure('Full', undefined);
    },
    unbook(count) {
      if (count === 1) throw new Error('down');
    },
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.until('undone');
  assert.deepEqual(warnings(world), [
    'warn: the step pay of trip failed; retrying (1)',
    'warn: the step pay of trip failed; retrying (2)',
    'warn: the step pay of trip failed; undoing the saga (3)',
    'warn: the undo of book of trip failed; retrying (1)',
  ]);
  await world.run(engine, ({ start }) => start(trip, { id: 'u' }));
  await world.when(
    'both are undone',
    async () => (await world.store.read.all("select 1 from sw_saga where state = 'undone'")).length === 2,
  );
  assert.equal(warnings(world).length, 4);
  const told = 'info: the saga trip was undone: pay failed: down';
  await world.when('it is said why', async () => world.said.includes(told));
});

for (const [what, first, log] of [
  ['another command of its run was done', 'done', ['book x', 'pay x', 'unbook x']],
  ['another command of its run was refused too', 'refused', ['book x', 'pay x']],
] as const) {
  named(`G6: a step that is refused when ${what}`, async (world) => {
    const refuse = () => {
      throw new Failure('Full', undefined);
    };
    world.callee.answers = { pay: refuse, ...(first === 'refused' && { book: refuse }) };
    const both = saga(trips, 'both', { input: Ref, uses: [remote] }).step('both', {
      async do({ call, input }) {
        await call(remote.book, input).outcome();
        await call(remote.pay, input);
      },
      undo: ({ call, input, result }) => call(remote.unbook, { id: result === undefined ? input.id : 'seen' }),
    });
    const { engine } = await world.process([both]);
    await world.run(engine, ({ start }) => start(both, { id: 'x' }));
    const { cause } = await world.until('undone');
    assert.equal(cause?.kind, 'declared');
    assert.deepEqual(world.callee.log, log);
  });
}

for (const thrown of [undefined, null, 'a word']) {
  named(`a step that throws ${JSON.stringify(thrown)} has failed like any other`, async (world) => {
    world.callee.answers = {
      pay: () => {
        throw thrown;
      },
    };
    const { engine } = await world.process([trip]);
    await world.start(engine);
    const { cause } = await world.until('undone');
    assert.deepEqual(cause, { kind: 'failed', step: 'pay', message: String(thrown) });
    assert.equal(world.callee.log.filter((line) => line === 'pay t').length, 3);
  });
}

named('G6: a query is not an effect: when the command behind it is refused, nothing is undone', async (world) => {
  world.callee.answers = {
    seats: () => ({ seat: 1 }),
    book: () => {
      throw new Failure('Full', undefined);
    },
  };
  const asks = saga(trips, 'asks', { input: Ref, uses: [remote] }).step('book', {
    async do({ call, input }) {
      await call(remote.seats, input);
      return call(remote.book, input);
    },
    undo: ({ call, input }) => call(remote.unbook, input),
  });
  const { engine } = await world.process([asks]);
  await world.run(engine, ({ start }) => start(asks, { id: 'a' }));
  await world.until('undone');
  assert.deepEqual(world.callee.log, ['seats a', 'book a']);
});

named("G10: the calls of a run have the run's own deadline", async (world) => {
  const remaining: (number | undefined)[] = [];
  const keep = (): void => void remaining.push((world.callee.options.at(-1)?.deadline as Deadline | undefined)?.remaining());
  world.callee.answers = {
    book: () => {
      keep();
      return { seat: 1 };
    },
    pay: keep,
  };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.until('done');
  assert.deepEqual(remaining, [10_000, 5_000]);
});

for (const [what, [value]] of Object.entries(thrown))
  named(`whatever a step throws is a failed run like any other: ${what}`, async (world) => {
    let runs = 0;
    const hostile = saga(trips, 'hostile', { input: Ref, key: ({ id }) => id })
      .step('remote', { undo: () => {}, do: () => {} })
      .local('local', {
        retry: { attempts: 2 },
        do: () => {
          runs++;
          throw value;
        },
      });
    const { engine } = await world.process([hostile]);
    await world.run(engine, ({ start }) => void start(hostile, { id: 't' }));
    const { cause } = await world.until('undone');
    assert.equal(runs, 2);
    assert.ok(cause?.kind === 'failed' && cause.message.length <= 2000);
  });

named('data of a declared error that JSON cannot represent is kept as a text', async (world) => {
  const ring: Record<string, unknown> = { seat: 7 };
  ring['self'] = ring;
  world.callee.answers = { pay: () => Promise.reject(new Failure('Full', ring)) };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  const { cause } = await world.until('undone');
  assert.ok(cause?.kind === 'declared' && /seat: 7/.test(String(cause.data)));
});
