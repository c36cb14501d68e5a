import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { SagaInvalid, saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { type Direction, lanes } from './schedule.ts';
import { Ref, remote, trips } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const plain = (name: string, concurrency?: number) => ({ service: 'trips', name, uses: [], steps: [], concurrency });
const entered = (line: ReturnType<typeof lanes>): readonly string[] => {
  const ids: string[] = [];
  for (let next = line.next(); next; next = line.next()) ids.push(next.id);
  return ids;
};

test('in every order of events no more instances are active than allowed, and a lane below its share never waits', () => {
  const directions: readonly Direction[] = ['a', 'b', 'c'].flatMap((name) => [
    { saga: name, back: false },
    { saga: name, back: true },
  ]);
  const step = fc.record({ lane: fc.nat(5), leaves: fc.boolean(), which: fc.nat(50) });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.option(fc.integer({ min: 1, max: 4 })),
      fc.array(step, { maxLength: 200 }),
      (most, limit, steps) => {
        const line = lanes([plain('a'), plain('b', limit ?? undefined), plain('c')], most, 200);
        const share = most > 6 ? Math.max(1, Math.floor(most / 12)) : 0;
        const at = new Map<string, Direction>();
        const waits = new Map<string, Direction>();
        const of = (all: Map<string, Direction>, one: Direction): number => [...all.values()].filter((other) => other === one).length;
        let n = 0;
        for (const { lane, leaves, which } of steps) {
          if (leaves && at.size > 0) {
            const id = [...at.keys()][which % at.size] as string;
            at.delete(id);
            line.leave(id);
          } else {
            const direction = directions[lane] as Direction;
            waits.set(String(n), direction);
            line.add(String(n++), direction);
          }
          for (const id of entered(line)) {
            at.set(id, waits.get(id) as Direction);
            assert.ok(waits.delete(id), `${id} waited`);
          }
          assert.ok(at.size <= most);
          assert.equal(line.active, at.size);
          const limited = [...at.values()].filter((one) => one.saga === 'b').length;
          assert.ok(limited <= (limit ?? most));
          for (const one of directions) {
            if (of(waits, one) === 0) continue;
            assert.ok((one.saga === 'b' && limited === limit) || of(at, one) >= share, `${one.saga} ${one.back} waits below its share`);
          }
          if (waits.size > 0 && limit === null && share === 0) assert.equal(at.size, most, 'nobody waits beside room');
        }
      },
    ),
  );
});

test('waiting instances take turns by saga and direction, and within one in their order', () => {
  const line = lanes([plain('a'), plain('b')], 1, 200);
  for (const n of [1, 2, 3]) line.add(`a${n}`, { saga: 'a', back: false });
  line.add('a0', { saga: 'a', back: true });
  line.add('b1', { saga: 'b', back: false });
  const order: string[] = [];
  for (let next = line.next(); next; next = line.next()) {
    order.push(next.id);
    line.leave(next.id);
  }
  assert.deepEqual(order, ['a1', 'a0', 'b1', 'a2', 'a3']);
});

test('no more instances of a direction wait than are allowed, and those of others are not concerned', () => {
  const line = lanes([plain('a'), plain('b')], 1, 2);
  const forwards = (saga: string) => ({ saga, back: false });
  assert.deepEqual(
    ['x', 'y', 'z', 'x'].map((id) => line.add(id, forwards('a'))),
    [true, true, false, true],
  );
  assert.deepEqual([line.has('z'), line.add('w', { saga: 'a', back: true }), line.add('v', forwards('b'))], [false, true, true]);
  assert.equal(line.next()?.id, 'x');
  assert.deepEqual([line.add('x', forwards('a')), line.add('z', forwards('a'))], [true, true]);
});

test('an instance waits once, in the direction that it was given last', () => {
  const line = lanes([plain('a')], 1, 200);
  line.add('x', { saga: 'a', back: false });
  line.add('x', { saga: 'a', back: false });
  line.add('y', { saga: 'a', back: false });
  line.add('x', { saga: 'a', back: true });
  assert.equal(line.waiting('a'), 2);
  assert.equal(line.next()?.id, 'y');
  line.add('y', { saga: 'a', back: true });
  line.leave('y');
  assert.deepEqual(line.next(), { id: 'x', direction: { saga: 'a', back: true } });
  line.leave('x');
  assert.equal(line.next(), undefined);
});

test('a concurrency that is not a whole number of 1 or more is refused where it is written', () => {
  for (const concurrency of [0, -1, 1.5, Number.NaN]) assert.throws(() => saga(trips, 'few', { input: Ref, concurrency }), SagaInvalid);
});

const hanging = saga(trips, 'hanging', { input: Ref, uses: [remote], key: ({ id }) => id })
  .step('book', {
    do: ({ call, input }) => call(remote.book, input),
    undo: ({ call, input }) => call(remote.unbook, input),
  })
  .step('pay', { timeout: '1h', do: ({ call, input }) => call(remote.pay, input) });
const quick = saga(trips, 'quick', { input: Ref, uses: [remote] }).step('look', { do: ({ call, input }) => call(remote.seats, input) });
const never = (): Promise<never> => new Promise(() => {});
const many = Array.from({ length: 12 }, (_, n) => `h${n}`);

named('many hanging instances of one saga do not block another saga, and can be stopped', async (world) => {
  world.callee.answers = { pay: never };
  const { engine } = await world.process([hanging, quick], world.store, { concurrency: 8 });
  await world.run(engine, ({ start }) => {
    for (const id of many) start(hanging, { id });
  });
  await world.when('some hang, and others wait', () => world.callee.log.filter((line) => line.startsWith('pay')).length === 5);
  await world.run(engine, ({ start }) => start(quick, { id: 'q' }));
  await world.when('the other has its turn', () => world.callee.log.includes('seats q'));
  await world.run(engine, ({ stop }) => stop(hanging, 'h0', 'too slow'));
  await world.when('it is undone', () => world.callee.log.includes('unbook h0'));
  // One that waits in line behind those that hang.
  const { length } = world.callee.log;
  await world.run(engine, ({ stop }) => stop(hanging, 'h11', 'not any more'));
  await world.when(
    'it is undone',
    async () => (await world.store.read.all("select 1 from sw_saga where saga_key = 'h11' and state = 'undone'")).length === 1,
  );
  assert.deepEqual(
    world.callee.log.slice(length).filter((line) => line.endsWith('h11')),
    ['unbook h11'],
  );
});

named('hanging undos do not block instances that go forward', async (world) => {
  world.callee.answers = {
    unbook: never,
    pay: () => {
      throw new Error('no');
    },
  };
  const failing = saga(trips, 'failing', { input: Ref, uses: [remote] })
    .step('book', {
      timeout: '1h',
      do: ({ call, input }) => call(remote.book, input),
      undo: ({ call, input }) => call(remote.unbook, input),
    })
    .step('pay', { retry: { attempts: 1 }, do: ({ call, input }) => call(remote.pay, input) });
  const { engine } = await world.process([failing], world.store, { concurrency: 4 });
  await world.run(engine, ({ start }) => {
    for (const id of many) start(failing, { id });
  });
  await world.when(
    'all have gone forward',
    async () => (await world.store.read.all("select 1 from sw_saga where state = 'undoing'")).length === many.length,
  );
  assert.equal(world.callee.log.filter((line) => line.startsWith('unbook')).length, 3);
});

named('no more instances of a saga are active than its concurrency, in both directions together', async (world) => {
  let [at, most] = [0, 0];
  const few = saga(trips, 'few', { input: Ref, uses: [remote], concurrency: 2 }).step('book', {
    retry: { attempts: 1 },
    do: async ({ call, input }) => {
      most = Math.max(most, ++at);
      await call(remote.book, input).catch(() => {});
      at--;
      throw new Error('it is undone');
    },
    undo: async ({ call, input }) => {
      most = Math.max(most, ++at);
      await call(remote.unbook, input);
      at--;
    },
  });
  const { engine } = await world.process([few, quick]);
  await world.run(engine, ({ start }) => {
    for (const id of many) start(few, { id });
  });
  await world.when(
    'all are undone',
    async () => (await world.store.read.all("select 1 from sw_saga where state = 'undone'")).length === many.length,
  );
  assert.equal(most, 2);
});

named('however many instances wait, a poll finds one that no wake-up reported', async (world) => {
  world.callee.answers = { pay: never };
  const slow = saga(trips, 'slow', { input: Ref, uses: [remote] }).step('pay', {
    timeout: '1h',
    do: ({ call, input }) => call(remote.pay, input),
  });
  const { engine, worker } = await world.process([slow, quick]);
  await world.store.transaction((tx) =>
    tx.runAll(
      Array.from(
        { length: 1200 },
        (_, index) =>
          [
            `insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
              values (?, 'slow', ?, 'remote pay', '{"id":"s"}', 'running', '[{"step":"pay","state":"intended"}]', 0, 0, ?, 0, 0)`,
            `i${index}`,
            String(index),
            worker.id,
          ] as const,
      ),
    ),
  );
  await world.clock.advance(31_000);
  assert.ok(world.callee.log.length > 100);
  await world.store.transaction(async (tx) => {
    const started = engine.collect(tx);
    started.start(quick, { id: 'q' });
    await started.write(tx);
  });
  await world.clock.advance(40_000);
  assert.ok(world.callee.log.includes('seats q'));
});
