import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scope } from '../core/abort.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import { memory } from '../store/drivers/memory.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { markStopping } from './saga-store.ts';
import { bounded } from './step-run.ts';
import { stopSaga } from './verdict.ts';
import { openWorld, Ref, remote, stuck, trip, trips } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

named('stop: the running step is aborted, the saga is undone, and its undos get the reason', async (world) => {
  world.callee.answers = { pay: () => new Promise(() => {}) };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.when('it pays', () => world.callee.log.length === 2);
  await world.run(engine, ({ stop }) => stop(trip, 't', 'changed my mind'));
  await world.until('undone');
  assert.deepEqual(world.callee.log, ['book t', 'pay t', 'repay t', 'unbook t/7']);
  assert.equal(await world.note(), 'stopped/changed my mind');
});

named('stop: an ended saga is not changed', async (world) => {
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.until('done');
  await world.run(engine, ({ stop }) => stop(trip, 't', 'too late'));
  await world.clock.advance(5000);
  assert.equal((await world.instance()).state, 'done');
});

named('stop: decided by the database, also when the last step succeeds in the same moment', async (world) => {
  let resume: (value: unknown) => void = () => {};
  world.callee.answers = { pay: () => new Promise((resolve) => (resume = resolve)) };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.when('it pays', () => world.callee.log.length === 2);
  // Another process writes the stop, and does not notify this one.
  await world.store.transaction((tx) => markStopping(tx, 'trip', 't', { kind: 'stopped', reason: 'elsewhere' }));
  resume(undefined);
  await world.until('undone');
  assert.deepEqual(world.callee.log, ['book t', 'pay t', 'repay t', 'unbook t/7']);
  assert.equal(await world.note(), 'stopped/elsewhere');
  assert.equal((await world.store.read.all('select 1 from sw_outbox')).length, 0);
  // The late transition is rolled back completely, and is not reported as a failure.
  assert.deepEqual(world.transactions.slice(0, 3), ['committed', 'rolled back', 'committed']);
});

test('stop: a running local step is aborted, rolled back and not undone; the steps before it are', async () => {
  // Where a transaction that hangs does not keep the stop out.
  const world = await openWorld(memory(), virtualClock(), seededRandom(1));
  let begun = 0;
  const hangs = saga(trips, 'hangs', { input: Ref, uses: [remote], key: ({ id }) => id })
    .step('book', {
      do: ({ call, input }) => call(remote.book, input),
      undo: ({ call, input, result }) => call(remote.unbook, { id: `${input.id}/${result?.seat ?? 'unseen'}` }),
    })
    .local('finish', {
      timeout: '1h',
      do: () => {
        begun++;
        return new Promise(() => {});
      },
      undo: ({ tx }) => tx.run("insert into note (id, text) values ('u', 'undone')"),
    });
  const { engine } = await world.process([hangs]);
  await world.run(engine, ({ start }) => start(hangs, { id: 'h' }));
  await world.when('it hangs', () => begun > 0);
  const stopped = world.run(engine, ({ stop }) => stop(hangs, 'h', 'enough'));
  await world.until('undone');
  await stopped;
  assert.deepEqual((await world.instance()).cause, { kind: 'stopped', reason: 'enough' });
  // What came of the step before it is known, though it was not written when the stop came.
  assert.deepEqual(world.callee.log, ['book h', 'unbook h/7']);
  assert.equal(await world.note(), undefined);
});

named('stop: it takes effect when a failed step is about to wait, and not only after the wait', async (world) => {
  const slow = saga(trips, 'slow', { input: Ref, uses: [remote], key: ({ id }) => id }).step('pay', {
    retry: { attempts: 99 },
    async do({ call, input }) {
      await call(remote.pay, input);
      await world.store.transaction((tx) => markStopping(tx, 'slow', 's', { kind: 'stopped', reason: 'elsewhere' }));
      throw new Error('unknown');
    },
  });
  const { engine } = await world.process([slow]);
  await world.run(engine, ({ start }) => start(slow, { id: 's' }));
  // This is far less than the time to the next poll.
  await world.when('it is undone', async () => (await world.instance()).state === 'undone');
  assert.ok(world.clock.monotonic() < 500, `${world.clock.monotonic()} ms`);
  assert.deepEqual(world.callee.log, ['pay s']);
});

named('stop: the wait of a step ends at once; the wait of an undo does not, also in another process', async (world) => {
  const open = new BreakerOpen('open', { retryAfterMs: 60_000 });
  let mended = false;
  const closed = (): void => {
    if (!mended) throw open;
  };
  world.callee.answers = { pay: closed, unbook: closed };
  const first = await world.process([trip]);
  await world.start(first.engine);
  await world.when('it waits', async () => (await world.instance()).error === 'open');
  await world.run(first.engine, ({ stop }) => stop(trip, 't', 'enough'));
  await world.when('its undo waits', async () => {
    const { state, error } = await world.instance();
    return state === 'undoing' && error === 'open';
  });
  await first.engine.close();
  await first.worker.close();
  mended = true;
  const before = world.callee.log.length;
  await world.process([trip]);
  await world.clock.advance(50_000);
  assert.equal(world.callee.log.length, before);
  await world.until('undone');
  assert.equal(await world.note(), 'stopped/enough');
});

test('a step whose saga is stopped before it begins does not begin', async () => {
  const step = { kind: 'remote', name: 'pay', step: { do: () => {} }, timeoutMs: 10_000 } as const;
  const clock = virtualClock();
  const over = scope({ clock });
  over.abort(new Error('enough'));
  let runs = 0;
  const begun = bounded(clock, step, [over], () => runs++);
  await assert.rejects(begun, /enough/);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(runs, 0);
});

named('stop: a hanging call is aborted long before its timeout', async (world) => {
  const slow = saga(trips, 'slow', { input: Ref, uses: [remote], key: ({ id }) => id }).step('pay', {
    timeout: '1h',
    do: ({ call, input }) => call(remote.pay, input),
  });
  world.callee.answers = { pay: () => new Promise(() => {}) };
  const { engine } = await world.process([slow]);
  await world.run(engine, ({ start }) => start(slow, { id: 's' }));
  await world.when('it pays', () => world.callee.log.length === 1);
  await world.run(engine, ({ stop }) => stop(slow, 's', 'enough'));
  const asked = world.clock.now();
  const { cause } = await world.until('undone');
  assert.deepEqual(cause, { kind: 'stopped', reason: 'enough' });
  assert.ok(world.clock.now() - asked < 60_000);
});

named('stop: when it comes from elsewhere while a step succeeds, the undo gets the result of the step', async (world) => {
  let resume: (value: unknown) => void = () => {};
  world.callee.answers = { book: () => new Promise((resolve) => (resume = resolve)) };
  const { engine } = await world.process([trip]);
  await world.start(engine);
  await world.when('it books', () => world.callee.log.length === 1);
  await world.store.transaction((tx) => markStopping(tx, 'trip', 't', { kind: 'stopped', reason: 'elsewhere' }));
  resume({ seat: 7 });
  await world.until('undone');
  assert.deepEqual(world.callee.log, ['book t', 'unbook t/7']);
  // Without work of its own, too: what came too late is not told as committed.
  assert.equal(world.transactions[0], 'rolled back');
});

named('stop: when it comes from elsewhere while a failed step waits for its next run, it takes effect within seconds', async (world) => {
  const slow = saga(trips, 'slow', { input: Ref, uses: [remote], key: ({ id }) => id }).step('pay', {
    retry: { attempts: 99 },
    do: ({ call, input }) => call(remote.pay, input),
  });
  world.callee.answers = {
    pay: () => {
      throw new Error('connection lost');
    },
  };
  const { engine } = await world.process([slow]);
  await world.run(engine, ({ start }) => start(slow, { id: 's' }));
  // The waits grow up to half a minute.
  await world.when('it waits for long', async () => (await world.instance()).due - world.clock.now() > 2500);
  await stopSaga(world.store as Store<unknown, unknown>, (await world.instance()).id, { reason: 'elsewhere' });
  const from = world.clock.monotonic();
  await world.when('it is undone', async () => (await world.instance()).state === 'undone');
  assert.ok(world.clock.monotonic() - from <= 1200);
});

named('stop: a stuck saga still waits for its verdict', async (world) => {
  const { engine } = await stuck(world);
  await world.run(engine, ({ stop }) => stop(trip, 't', 'too late'));
  const { stopping, cause } = await world.instance();
  assert.deepEqual([stopping, cause?.kind], [undefined, 'declared']);
});
