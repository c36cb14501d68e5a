import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memory } from '../store/drivers/memory.ts';
import type { Tx } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import type { SagaEngine, Started } from './engine.ts';
import { SagaInputInvalid } from './starts.ts';
import { openWorld, Ref, remote, trip, trips, type World } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const paying = saga(trips, 'paying', { input: Ref, uses: [remote], key: ({ id }) => id }).step('pay', {
  do: ({ call, input }) => call(remote.pay, input),
});

/** One handler that takes its time. */
async function handled(world: World, engine: SagaEngine, work: (started: Started, tx: Tx) => Promise<void>): Promise<void> {
  let started: Started | undefined;
  await world.store.transaction(async (tx) => {
    started = engine.collect(tx);
    await work(started, tx);
    await started.write(tx);
  });
  started?.committed();
}

const states = async (world: World): Promise<readonly string[]> =>
  (await world.store.read.all('select saga_key, state from sw_saga order by saga_key')).map(
    ({ saga_key: key, state }) => `${key} ${state}`,
  );

named('starts and stops of one handler take effect in the order of the calls', async (world) => {
  const { engine } = await world.process([paying]);
  await world.run(engine, ({ start, stop }) => {
    stop(paying, 'new', 'superseded');
    start(paying, { id: 'new' });
    start(paying, { id: 'brief' });
    stop(paying, 'brief', 'not wanted');
    // The key is that of the instance that was stopped: it is not started twice.
    start(paying, { id: 'again' });
    stop(paying, 'again', 'not wanted');
    start(paying, { id: 'again' });
  });
  await world.when('all have ended', async () => (await states(world)).every((one) => /done|undone/.test(one)));
  assert.deepEqual(await states(world), ['again undone', 'brief undone', 'new done']);
  // What was stopped before the commit has called nobody.
  assert.deepEqual(world.callee.log, ['pay new']);
});

named('starts and stops inside a savepoint are rolled back with it', async (world) => {
  const { engine } = await world.process([paying, trip]);
  world.callee.answers = { pay: () => new Promise(() => {}) };
  await world.run(engine, ({ start }) => start(paying, { id: 'runs' }));
  await handled(world, engine, async ({ start, stop }, tx) => {
    start(paying, { id: 'outside' });
    const inside = tx.savepoint(async () => {
      start(paying, { id: 'inside' });
      await tx.savepoint(async () => stop(paying, 'runs', 'never mind'));
      throw new Error('undone');
    });
    await assert.rejects(inside, /undone/);
    await tx.savepoint(async () => start(paying, { id: 'kept' }));
  });
  assert.deepEqual(await states(world), ['kept running', 'outside running', 'runs running']);
  assert.deepEqual(await world.store.read.all('select id from sw_saga where stopping is not null'), []);
});

named('a start under a key that is taken runs no local step', async (world) => {
  let runs = 0;
  const noted = saga(trips, 'noted', { input: Ref, uses: [remote], key: ({ id }) => id })
    .local('note', {
      async do({ tx, input }) {
        runs++;
        await tx.run('insert into note (id, text) values (?, ?)', input.id, 'once');
      },
    })
    .step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  const { engine } = await world.process([noted]);
  await world.run(engine, ({ start }) => start(noted, { id: 'a' }));
  const before = runs;
  await world.run(engine, ({ start }) => start(noted, { id: 'a' }));
  assert.equal(runs, before);
  await world.when('it is done', async () => (await states(world)).join() === 'a done');
  assert.equal(await world.note(), 'once');
});

named('an instance without a key can be stopped by its id in the handler that starts it', async (world) => {
  const keyless = saga(trips, 'keyless', { input: Ref, uses: [remote] }).step('pay', { do: ({ call, input }) => call(remote.pay, input) });
  const { engine } = await world.process([keyless]);
  await handled(world, engine, async ({ start, stop }) => {
    stop(keyless, (await start(keyless, { id: 'a' })).id, 'not wanted');
    start(keyless, { id: 'b' });
  });
  const ended = async (): Promise<readonly unknown[]> =>
    (await world.store.read.all('select state from sw_saga order by state')).map(({ state }) => state);
  await world.when('both have ended', async () => (await ended()).join() === 'done,undone');
  assert.deepEqual(world.callee.log, ['pay b']);
});

test('the input of a saga is taken, and refused, at the call of `start`', async () => {
  const world = await openWorld(memory(), virtualClock(), seededRandom(1));
  const { engine } = await world.process([paying]);
  const input = { id: 'first' };
  await world.run(engine, ({ start }) => {
    start(paying, input);
    input.id = 'second';
    assert.throws(() => start(paying, { id: 1 } as never), SagaInputInvalid);
    assert.throws(() => start(paying, { id: 1n } as never), SagaInputInvalid);
    assert.throws(() => start(paying, undefined as never), SagaInputInvalid);
    for (const id of ['a\0b', 'a\ud800'])
      assert.throws(
        () => start(paying, { id }),
        (error) => error instanceof SagaInputInvalid && /id: has (U\+0000|half of a surrogate pair)/.test(error.message),
      );
  });
  await world.until('done');
  assert.deepEqual(await states(world), ['first done']);
  assert.deepEqual(world.callee.log, ['pay first']);
  await engine.close();
});
