import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../client/call.ts';
import { orAborted } from '../core/abort.ts';
import { memory } from '../store/drivers/memory.ts';
import { readerBy } from '../store/read-by.ts';
import type { Store } from '../store/store.ts';
import { worker } from '../store/worker.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { crashableByStatement, hasEffect } from '../testing/crashable.ts';
import { pausable } from '../testing/pausable-clock.fixture.ts';
import { Died, processLife } from '../testing/process-life.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import type { SagaEngine } from './engine.ts';
import { openWorld, orphansOf, Ref, remote, trip, trips } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

named('G7: another worker takes over the sagas of a dead one, and a stalled one writes nothing any more', async (world) => {
  let resume: (value: unknown) => void = () => {};
  world.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise((resolve) => (resume = resolve)) : undefined) };
  const first = await world.process([trip]);
  await world.start(first.engine);
  await world.when('it pays', () => world.callee.log.length === 2);
  // Its heart stops, but it does not know: its row goes, as if it had not beaten for long.
  await world.store.transaction((tx) => tx.run('delete from sw_worker where id = ?', first.worker.id));
  await world.process([trip]);
  await world.until('done');
  const after = await world.instance();
  resume(undefined);
  await world.clock.advance(3000);
  assert.deepEqual(await world.instance(), after);
  assert.deepEqual(world.callee.log, ['book t', 'pay t', 'pay t']);
});

for (const taken of [false, true])
  test(`after a pause longer than its ttl a process begins no step before its next heartbeat${taken ? ', and none of an instance that was taken over' : ''}`, async () => {
    const clock = pausable(virtualClock());
    const world = await openWorld(memory(), clock, seededRandom(1));
    let pauses = 1;
    const reached = (point: string): void => {
      if (point === 'saga/advance/after' && pauses-- > 0) clock.pause(5000);
    };
    const { engine } = await world.process([trip], world.store, { runtime: { ...world.runtime, reached } });
    await world.start(engine);
    await clock.advance(900);
    assert.deepEqual(world.callee.log, ['book t']);
    if (taken)
      await world.store.transaction(async (tx) => {
        await tx.run("insert into sw_worker (id, until, ttl) values ('other', ?, 3000)", clock.now() + 3000);
        await tx.run("update sw_saga set owner = 'other'");
      });
    await clock.advance(1000);
    assert.deepEqual(world.callee.log, taken ? ['book t'] : ['book t', 'pay t']);
    await engine.close();
  });

named('a takeover after the start is logged once', async (world) => {
  world.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined) };
  const first = await world.process([trip]);
  await world.process([trip]);
  await world.start(first.engine);
  await world.when('it pays', () => world.callee.log.length === 2);
  await first.worker.close();
  await world.until('done');
  assert.equal(world.said.filter((line) => line === 'info: sagas of a process that has ended were taken over').length, 1);
});

named('G7: a fence on every write: a process whose saga was taken over cannot write a late outcome', async (world) => {
  const resume: ((value: unknown) => void)[] = [];
  world.callee.answers = { pay: () => new Promise((resolve) => resume.push(resolve)) };
  const first = await world.process([trip]);
  await world.start(first.engine);
  await world.when('it pays', () => resume.length === 1);
  await world.store.transaction((tx) => tx.run('delete from sw_worker where id = ?', first.worker.id));
  await world.process([trip]);
  await world.when('it pays', () => resume.length === 2);
  resume[0]?.(undefined);
  for (let round = 0; round < 50; round++) await world.clock.advance(1);
  assert.equal((await world.instance()).journal.at(-1)?.state, 'intended');
  resume[1]?.(undefined);
  await world.until('done');
});

named('G13: a close aborts the running step without a failure; the next start continues with it', async (world) => {
  world.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined) };
  const first = await world.process([trip]);
  await world.start(first.engine);
  await world.when('it pays', () => world.callee.log.length === 2);
  await first.engine.close(AbortSignal.abort(new Error('down')));
  await first.worker.close();
  assert.deepEqual([(await world.instance()).state, (await world.instance()).attempts], ['running', 0]);
  await world.process([trip]);
  await world.until('done');
});

/** A process dies at its `steps`th statement or commit; another one carries on. What must hold then. */
async function dieAt(steps: number, broke: boolean): Promise<boolean> {
  const clock = virtualClock();
  const world = await openWorld(memory(), clock, seededRandom(steps));
  world.callee.answers = broke
    ? {
        pay: () => {
          throw new Failure('Broke', undefined);
        },
      }
    : {};
  const life = processLife({ name: 'owner', steps, counts: hasEffect, clock });
  const store = crashableByStatement(world.store, life);
  const started = (async () => {
    const { engine } = await orAborted(world.process([trip], store), life.dead);
    let collected: ReturnType<SagaEngine['collect']> | undefined;
    const committed = store.transaction(async (tx) => {
      collected = engine.collect(tx);
      collected.start(trip, { id: 't' });
      await collected.write(tx);
    });
    await orAborted(committed, life.dead);
    collected?.committed();
    for (let round = 0; round < 100 && !life.dead.aborted && !(await world.instance()).state.startsWith(broke ? 'undone' : 'done'); round++)
      await world.clock.advance(10);
  })().catch((error: unknown) => {
    if (!(error instanceof Died)) throw error;
  });
  await clock.run(started);
  await world.process([trip]);
  const rows = await world.store.read.all('select 1 from sw_saga');
  if (rows.length === 0) {
    assert.deepEqual(world.callee.log, [], 'what was never committed has no effect');
    return life.dead.aborted;
  }
  const { journal } = await world.until(broke ? 'undone' : 'done');
  // The callee does each key once (G9), so what counts is which keys it has seen, and in which order first.
  const keys = [...new Set(world.callee.options.map(({ key }) => key?.split('.').slice(1).join('.')))];
  assert.deepEqual(keys, broke ? ['book#1', 'pay#1', 'book.undo#1'] : ['book#1', 'pay#1']);
  assert.equal(await world.note(), broke ? 'declared/Broke' : 'seat 7');
  assert.equal((await world.store.read.all('select 1 from sw_outbox')).length, broke ? 0 : 1);
  assert.equal(journal.length, broke ? 3 : 4);
  return life.dead.aborted;
}

for (const broke of [false, true]) {
  test(`G2, G6, G7: a crash between any two statements of a saga that is ${broke ? 'undone' : 'done'}`, async () => {
    let steps = 1;
    while (await dieAt(steps, broke)) steps++;
    assert.ok(steps > 15, `it died at ${steps} places`);
  });
}

named('a close lets the running step end, and begins no further one; the next start does', async (world) => {
  let resume: (value: unknown) => void = () => {};
  world.callee.answers = { book: () => new Promise((resolve) => (resume = resolve)) };
  const first = await world.process([trip]);
  await world.start(first.engine);
  await world.when('it books', () => world.callee.log.length === 1);
  let closed = false;
  const closing = first.engine.close().then(() => {
    closed = true;
  });
  resume({ seat: 7 });
  await world.when('it is closed', () => closed);
  await closing;
  assert.deepEqual(world.callee.log, ['book t']);
  assert.deepEqual(
    (await world.instance()).journal.slice(1).map(({ step, state, result }) => [step, state, result]),
    [
      ['book', 'done', { seat: 7 }],
      ['pay', 'intended', undefined],
    ],
  );
  await first.worker.close();
  await world.process([trip]);
  await world.until('done');
  assert.deepEqual(world.callee.log, ['book t', 'pay t']);
});

named('a close aborts a hanging local step, which is not a failure', async (world) => {
  let runs = 0;
  const hangs = saga(trips, 'hangs', { input: Ref, uses: [remote] })
    .step('book', { do: ({ call, input }) => call(remote.book, input) })
    .local('finish', { timeout: '1h', retry: { attempts: 1 }, do: () => (runs++ === 0 ? new Promise<void>(() => {}) : undefined) });
  const first = await world.process([hangs]);
  await world.run(first.engine, ({ start }) => start(hangs, { id: 'h' }));
  await world.when('it hangs', () => runs > 0);
  await first.engine.close(AbortSignal.abort(new Error('down')));
  await first.worker.close();
  assert.deepEqual([(await world.instance()).state, (await world.instance()).attempts], ['running', 0]);
  await world.process([hangs]);
  await world.until('done');
});

named('G7, G8: a process does not take over a saga that only newer code can continue; that code does', async (world) => {
  world.callee.answers = { repay: (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined) };
  const old = saga(trips, 'grows', { input: Ref, uses: [remote] }).step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  const grown = old.step('more', { do: ({ call, input }) => call(remote.repay, input) });
  await world.process([old]);
  const newer = await world.process([grown]);
  await world.run(newer.engine, ({ start }) => start(grown, { id: 'g' }));
  await world.when('it is at the step that the old code lacks', () => world.callee.log.includes('repay g'));
  await newer.engine.close(AbortSignal.abort(new Error('down')));
  await newer.worker.close();
  const { owner } = await world.instance();
  await world.clock.advance(10_000);
  assert.equal((await world.instance()).owner, owner);
  // What it cannot carry on keeps it from nothing else.
  await world.store.transaction((tx) =>
    tx.run(
      "insert into sw_saga (id, name, saga_key, plan, input, state, journal, cause, stopping, attempts, due, error, owner, started, changed) select 'other', name, 'other', ?, input, state, ?, cause, stopping, attempts, due, error, owner, started, changed from sw_saga",
      'remote pay',
      '[{"step":"pay","state":"intended"}]',
    ),
  );
  await world.clock.advance(5000);
  await world.when(
    'the other is done',
    async () => (await world.store.read.all("select 1 from sw_saga where id = 'other' and state = 'done'")).length > 0,
  );
  await world.process([grown]);
  await world.when('it is done', async () => (await world.store.read.all("select 1 from sw_saga where state <> 'done'")).length === 0);
});

named('G7: after a takeover the wait is as long as it would have been', async (world) => {
  const slow = saga(trips, 'slow', { input: Ref, uses: [remote] }).step('pay', {
    retry: { attempts: 99 },
    do: ({ call, input }) => call(remote.pay, input),
  });
  world.callee.answers = {
    pay: () => {
      throw new Error('connection lost');
    },
  };
  const first = await world.process([slow]);
  await world.run(first.engine, ({ start }) => start(slow, { id: 's' }));
  await world.when('it waits for long', async () => (await world.instance()).due - world.clock.now() > 2500);
  await first.engine.close();
  await first.worker.close();
  const { due } = await world.instance();
  const calls = world.callee.log.length;
  await world.process([slow]);
  // The wait is a matter of chance, and may be longer than `when` looks.
  await world.clock.advance(due - world.clock.now() - 500);
  assert.equal(world.callee.log.length, calls);
  await world.when('it is tried again', () => world.callee.log.length > calls);
  assert.ok(world.clock.now() >= due);
});

named('G7: a worker that was taken for dead and lives keeps its sagas: a takeover checks again in its transaction', async (world) => {
  const one = saga(trips, 'one', { input: Ref, uses: [remote] }).step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  const owner = await worker(world.store, world.runtime);
  await world.store.transaction(async (tx) => {
    await tx.run(
      `insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
        values ('a', 'one', 'a', 'remote pay', '{}', 'running', '[]', 0, 0, ?, 0, 0)`,
      owner.id,
    );
  });
  const [beat] = await world.store.read.all('select * from sw_worker where id = ?', owner.id);
  await world.store.transaction((tx) => tx.run('delete from sw_worker where id = ?', owner.id));
  const other = await worker(world.store, world.runtime);
  let back = false;
  // Its heartbeat is there again between the read and the takeover.
  const view: Store = {
    ...world.store,
    async transaction(work, options) {
      if (!back)
        await world.store.transaction((tx) =>
          tx.run('insert into sw_worker (id, until, ttl) values (?, ?, ?)', owner.id, beat?.['until'], beat?.['ttl']),
        );
      back = true;
      return world.store.transaction(work, options);
    },
  };
  const free = orphansOf(world, view, other, one);
  assert.deepEqual(await free.take(10), []);
  assert.ok(back, 'it was seen as dead');
  assert.equal((await world.instance()).owner, owner.id);
});

named('G7: orphans of other code, however many, do not hide one that this code can continue', async (world) => {
  const one = saga(trips, 'one', { input: Ref, uses: [remote] }).step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  const insert = `insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
    values (?, ?, ?, 'remote pay', '{}', 'running', ?, 0, 0, 'dead', 0, 0)`;
  await world.store.transaction(async (tx) => {
    for (const id of ['a', 'b', 'c']) await tx.run(insert, id, 'other', id, '[]');
    await tx.run(insert, 'd', 'one', 'd', '[]');
  });
  const own = await worker(world.store, world.runtime);
  let read = 0;
  const view: Store = {
    ...world.store,
    sqlRead: readerBy((sql, values) => {
      if (/where id = /.test(sql)) read++;
      return world.store.sqlRead.all(sql, ...values);
    }),
  };
  const free = orphansOf(world, view, own, one);
  const taken: string[] = [];
  for (let looks = 0; looks < 4; looks++) taken.push(...(await free.take(1)).map(({ id }) => id));
  assert.deepEqual(taken, ['d']);
  assert.equal(read, 3, 'each of the others once, while its row is as it was');
  await world.store.transaction((tx) => tx.run("update sw_saga set name = 'one', version = version + 1 where id = 'a'"));
  assert.deepEqual(
    (await free.take(1)).map(({ id }) => id),
    ['a'],
  );
});

named('G7: orphans of several owners are taken over, no more than the limit', async (world) => {
  const one = saga(trips, 'one', { input: Ref, uses: [remote] }).step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  await world.store.transaction(async (tx) => {
    for (const [id, owner] of Object.entries({ a: '', b: 'dead', c: 'gone', d: 'dead' }))
      await tx.run(
        `insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
          values (?, 'one', ?, 'remote pay', '{}', 'running', '[]', 0, 0, ?, 0, 0)`,
        ...[id, id, owner],
      );
  });
  const own = await worker(world.store, world.runtime);
  const free = orphansOf(world, world.store, own, one);
  const taken: (readonly string[])[] = [];
  for (let looks = 0; looks < 3; looks++) taken.push((await free.take(2)).map(({ id }) => id));
  assert.deepEqual(taken, [['a', 'b'], ['d', 'c'], []]);
  await own.close();
});

named('G7, G8: an instance that other code changed between the read and the takeover is left to that code', async (world) => {
  const one = saga(trips, 'one', { input: Ref, uses: [remote] }).step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  await world.store.transaction(async (tx) => {
    // `same` was written by this definition, `older` by an earlier one, which this one can continue.
    for (const [id, plan] of Object.entries({ same: 'remote pay', older: 'remote pay, remote old' }))
      await tx.run(
        `insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
          values (?, 'one', ?, ?, '{}', 'running', '[]', 0, 0, 'dead', 0, 0)`,
        ...[id, id, plan],
      );
  });
  const own = await worker(world.store, world.runtime);
  const view: Store = {
    ...world.store,
    async transaction(work, options) {
      await world.store.transaction((tx) => tx.run("update sw_saga set plan = 'remote pay, remote new', version = version + 1"));
      return world.store.transaction(work, options);
    },
  };
  const free = orphansOf(world, view, own, one);
  assert.deepEqual(await free.take(10), []);
  const owners = await world.store.read.all('select distinct owner from sw_saga');
  assert.deepEqual(owners, [{ owner: 'dead' }]);
  await own.close();
});

named('no more instances are read than fit into memory; each has its turn', async (world) => {
  const large = saga(trips, 'large', { input: Ref, uses: [remote], key: ({ id }) => id.slice(0, 2) }).step('pay', {
    timeout: '1h',
    do: ({ call }) => call(remote.pay, { id: 'it' }),
  });
  const waiting: (() => void)[] = [];
  world.callee.answers = { pay: () => new Promise((resolve) => waiting.push(() => resolve(undefined))) };
  const first = await world.process([large], world.store, { concurrency: 1 });
  await world.run(first.engine, ({ start }) => {
    for (let n = 10; n < 30; n++) start(large, { id: `${n}${'x'.repeat(2 ** 20)}` });
  });
  await first.engine.close(AbortSignal.abort(new Error('down')));
  await first.worker.close();
  waiting.length = 0;
  const { engine } = await world.process([large]);
  await world.when('some are in hand', () => waiting.length > 0);
  await world.clock.advance(5000);
  assert.equal(waiting.length, 7, 'of eight MiB');
  await world.when('all are done', async () => {
    for (const answer of waiting.splice(0)) answer();
    return (await world.store.read.all("select 1 from sw_saga where state = 'done'")).length === 20;
  });
  await engine.close();
});
