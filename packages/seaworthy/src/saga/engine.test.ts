import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { quiescent } from '../core/event-loop.ts';
import { type Observe, silent } from '../core/observe.ts';
import { outboxTopic } from '../outbox/topics.ts';
import { memory } from '../store/drivers/memory.ts';
import { readerBy } from '../store/read-by.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { sagaTopic } from './topics.ts';
import { openWorld, Ref, remote, trip, trips, type World } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const paying = saga(trips, 'paying', { input: Ref, uses: [remote], key: ({ id }) => id }).step('pay', {
  timeout: '1h',
  retry: { attempts: 99 },
  do: ({ call, input }) => call(remote.pay, input),
});

/** Answers to calls of `pay`, given one by one. */
function held(world: World): { readonly answer: () => void; readonly fail: () => void } {
  const waiting: PromiseWithResolvers<void>[] = [];
  world.callee.answers = {
    pay() {
      const one = Promise.withResolvers<void>();
      waiting.push(one);
      return one.promise;
    },
  };
  return { answer: () => waiting.shift()?.resolve(), fail: () => waiting.shift()?.reject(new Error('connection lost')) };
}

/** Whether it has settled once nothing but the test can go on. */
async function settles(work: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  work.then(settle, settle);
  for (let round = 0; round < 10; round++) await quiescent();
  return settled;
}

const ids = 'abcde'.split('');

named('no more instances than allowed are active at one time; the others follow in their order', async (world) => {
  const pay = held(world);
  const gauges = new Map<string, () => number>();
  const observe: Observe = {
    ...silent,
    gauge(name, _attributes, read) {
      gauges.set(name, read);
      return () => void gauges.delete(name);
    },
  };
  const { engine } = await world.process([paying], world.store, { concurrency: 2, runtime: { ...world.runtime, observe } });
  await world.run(engine, ({ start }) => {
    for (const id of ids) start(paying, { id });
  });
  await world.when('two are at work', () => world.callee.log.length === 2);
  // The clock moves beyond the next polls, and the next count.
  await world.clock.advance(61_000);
  assert.deepEqual(world.callee.log, ['pay a', 'pay b']);
  assert.deepEqual([gauges.get('seaworthy_saga_active')?.(), gauges.get('seaworthy_saga_live')?.()], [2, 5]);
  for (const count of [3, 4, 5]) {
    pay.answer();
    await world.when('the next is at work', () => world.callee.log.length === count);
    await world.clock.advance(5000);
    assert.deepEqual(
      world.callee.log,
      ids.slice(0, count).map((id) => `pay ${id}`),
    );
  }
  pay.answer();
  pay.answer();
  await world.when('all are done', async () => (await world.store.read.all("select 1 from sw_saga where state = 'done'")).length === 5);
  await engine.close();
  assert.equal(gauges.size, 0);
});

named('a close starts none of the waiting instances, and waits for the active ones', async (world) => {
  const pay = held(world);
  const asked: string[] = [];
  const view: Store = {
    ...world.store,
    sqlRead: readerBy((sql, values) => {
      asked.push(sql);
      return world.store.sqlRead.all(sql, ...values);
    }),
  };
  const { engine } = await world.process([paying], view, { concurrency: 1 });
  await world.run(engine, ({ start }) => {
    for (const id of ids) start(paying, { id });
  });
  await world.when('one is at work', () => world.callee.log.length === 1);
  const closing = engine.close();
  assert.equal(await settles(closing), false);
  asked.length = 0;
  pay.answer();
  await world.when('it is closed', () => settles(closing));
  assert.deepEqual(world.callee.log, ['pay a']);
  assert.deepEqual(asked, [], 'its store may be closed now');
});

named('a close whose signal aborts cuts the active instances, and removes its listener from the signal', async (world) => {
  held(world);
  const { engine } = await world.process([paying]);
  await world.run(engine, ({ start }) => start(paying, { id: 'a' }));
  await world.when('it is at work', () => world.callee.log.length === 1);
  const patience = new AbortController();
  const closing = engine.close(patience.signal);
  assert.equal(await settles(closing), false);
  patience.abort(new Error('down'));
  await world.when('it is closed', () => settles(closing));
  assert.deepEqual([(await world.instance()).state, (await world.instance()).attempts], ['running', 0]);

  const next = await world.process([paying]);
  const calm = new AbortController();
  await next.engine.close(calm.signal);
  assert.deepEqual(getEventListeners(calm.signal, 'abort'), []);
});

test('a close leaves no timer behind, neither of a waiting saga nor of one that fails meanwhile', async () => {
  const clock = virtualClock();
  const world = await openWorld(memory(), clock, seededRandom(1));
  const pay = held(world);
  const { engine, worker } = await world.process([paying]);
  await world.run(engine, ({ start }) => {
    for (const id of ['a', 'b']) start(paying, { id });
  });
  await world.when('both are at work', () => world.callee.log.length === 2);
  pay.fail();
  await world.when(
    'one waits for its time',
    async () => (await world.store.read.all('select 1 from sw_saga where attempts = 1')).length === 1,
  );
  const closing = engine.close();
  pay.fail();
  await world.when('it is closed', () => settles(closing));
  assert.equal((await world.store.read.all('select 1 from sw_saga where attempts = 1')).length, 2);
  await worker.close();
  assert.equal(clock.waiting, 0);
});

named('a saga whose start was not reported is found by the next poll', async (world) => {
  const { engine } = await world.process([trip]);
  await world.store.transaction(async (tx) => {
    const started = engine.collect(tx);
    started.start(trip, { id: 't' });
    await started.write(tx);
  });
  await world.clock.advance(31_000);
  assert.equal((await world.instance()).state, 'done');
});

named('an instance without an owner runs with the poll that finds it, and not only with the next one', async (world) => {
  const first = await world.process([trip]);
  await world.store.transaction(async (tx) => {
    const started = first.engine.collect(tx);
    started.start(trip, { id: 't' });
    await started.write(tx);
  });
  await first.engine.close();
  await first.worker.close();
  const from = world.clock.monotonic();
  await world.process([trip]);
  await world.when('it books', () => world.callee.log.length > 0);
  assert.ok(world.clock.monotonic() - from < 1000, 'before the next look');
});

test('more instances than one poll reads are taken over without a wait in between', async () => {
  const world = await openWorld(memory(), virtualClock(), seededRandom(1));
  await world.store.transaction((tx) =>
    tx.run(
      `with recursive n (i) as (select 1 union all select i + 1 from n where i < 1100)
        insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
        select 'i' || i, 'paying', i, 'remote pay', '{}', 'undoing', '[]', 0, 0, '', 0, 0 from n`,
    ),
  );
  const from = world.clock.monotonic();
  await world.process([paying]);
  await world.when('none is left', async () => (await world.store.read.all("select 1 from sw_saga where owner = '' limit 1")).length === 0);
  assert.ok(world.clock.monotonic() - from < 1000, 'before the next look');
});

named('G7: a process whose waiting saga was taken over does not run it when its time has come', async (world) => {
  const pay = held(world);
  const first = await world.process([paying]);
  await world.run(first.engine, ({ start }) => start(paying, { id: 'a' }));
  await world.when('it pays', () => world.callee.log.length === 1);
  pay.fail();
  await world.when('it waits for its time', async () => (await world.instance()).attempts === 1);
  await world.store.transaction((tx) => tx.run('delete from sw_worker where id = ?', first.worker.id));
  const second = await world.process([paying]);
  await world.when('it is taken over', async () => (await world.instance()).owner === second.worker.id);
  await world.clock.advance(60_000);
  assert.deepEqual(world.callee.log, ['pay a', 'pay a']);
});

named('a close waits for the running poll, so that the store can be closed then', async (world) => {
  let hold: Promise<void> | undefined;
  let looking = false;
  const view: Store = {
    ...world.store,
    sqlRead: readerBy(async (sql, values) => {
      looking = hold !== undefined;
      await hold;
      return world.store.sqlRead.all(sql, ...values);
    }),
  };
  const { engine, worker } = await world.process([trip], view);
  await world.clock.advance(10);
  const { promise, resolve } = Promise.withResolvers<void>();
  hold = promise;
  world.store.notify(sagaTopic);
  await world.when('it looks', () => looking);
  const closing = engine.close();
  assert.equal(await settles(closing), false);
  resolve();
  await closing;
  await worker.close();
});

named('an event that a saga publishes with its start wakes the relay, once it is committed', async (world) => {
  const telling = saga(trips, 'telling', { input: Ref, uses: [remote] })
    .local('tell', { do: ({ input, publish }) => publish('booked', input) })
    .step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  held(world);
  const there: Promise<number>[] = [];
  world.store.listen(outboxTopic, () => void there.push(world.store.read.all('select 1 from sw_outbox').then(({ length }) => length)));
  const { engine } = await world.process([telling]);
  await world.run(engine, ({ start }) => start(telling, { id: 't' }));
  await world.when('it pays', () => world.callee.log.length === 1);
  await world.when('the relay is woken', () => there.length === 1);
  assert.deepEqual(await Promise.all(there), [1]);
});
