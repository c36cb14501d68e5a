import assert from 'node:assert/strict';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { retrySaga, SagaNotRunning, SagaNotWaiting, stopSaga } from './verdict.ts';
import { Ref, remote, stuck, trips, type World } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const storeOf = (world: World): Store<unknown, unknown> => world.store as Store<unknown, unknown>;
const stop = async (world: World, by?: string): Promise<void> =>
  stopSaga(storeOf(world), (await world.instance()).id, { reason: 'flood', ...(by !== undefined && { by }) });
const retry = async (world: World, by?: string): Promise<void> =>
  retrySaga(storeOf(world), world.runtime, (await world.instance()).id, by === undefined ? {} : { by });

const patient = saga(trips, 'patient', { input: Ref, uses: [remote], key: ({ id }) => id })
  .step('book', {
    do: ({ call, input }) => call(remote.book, input),
    undo: ({ call, input }) => call(remote.unbook, input),
  })
  .step('pay', { retry: { attempts: 99 }, do: ({ call, input }) => call(remote.pay, input) });
const begin = async (world: World): Promise<Awaited<ReturnType<World['process']>>> => {
  const process = await world.process([patient]);
  await world.run(process.engine, ({ start }) => start(patient, { id: 'p' }));
  return process;
};
/** Moves the clock until it waits for more than five seconds. */
async function waits(world: World): Promise<void> {
  for (let seconds = 0; seconds < 600; seconds++) {
    const { due } = await world.instance();
    if (due - world.clock.now() > 5000) return;
    await world.clock.advance(500);
  }
  assert.fail(`it never waits for long: ${JSON.stringify(await world.instance())}`);
}
/** The time of two polls of an engine, in milliseconds. */
const soonMs = 2000;
/** Checks that the step runs again within two polls. The time of the run after that is random. */
async function runsSoon(world: World, runs: number): Promise<void> {
  const from = world.clock.now();
  await world.when('it is run again', () => world.callee.log.length > runs);
  assert.ok(world.clock.now() - from <= soonMs, `after ${world.clock.now() - from} ms`);
}

named('stop by hand: a waiting saga is undone soon; reason and name are in its cause', async (world) => {
  world.callee.answers = {
    pay: () => {
      throw new Error('down');
    },
  };
  await begin(world);
  await waits(world);
  await stop(world, 'ada');
  await assert.rejects(
    stop(world),
    (error) => error instanceof SagaNotRunning && /is stopped already, and will be undone: stopped by ada: flood/.test(error.message),
  );
  await world.clock.advance(soonMs);
  const { state, cause, stopping } = await world.instance();
  assert.deepEqual([state, cause], ['undone', { kind: 'stopped', reason: 'flood', by: 'ada' }]);
  assert.deepEqual(stopping, cause);
});

named('stop by hand: a running step is aborted; without a process, the next one undoes the saga', async (world) => {
  world.callee.answers = { pay: () => new Promise(() => {}) };
  const first = await begin(world);
  await world.when('it pays', () => world.callee.log.length === 2);
  await first.engine.close(AbortSignal.abort(new Error('down')));
  await first.worker.close();
  await stop(world);
  await world.process([patient]);
  await world.until('undone');
  assert.deepEqual((await world.instance()).cause, { kind: 'stopped', reason: 'flood' });
  assert.deepEqual(world.callee.log, ['book p', 'pay p', 'unbook p']);
});

named('stop by hand: refused for a saga that has ended or is unknown', async (world) => {
  await begin(world);
  await world.until('done');
  await assert.rejects(stop(world), (error) => error instanceof SagaNotRunning && /has ended, and is done/.test(error.message));
  await assert.rejects(stopSaga(storeOf(world), 'nobody', { reason: 'x' }), SagaNotRunning);
  await assert.rejects(retry(world), (error) => error instanceof SagaNotWaiting && /has ended, and is done/.test(error.message));
  await assert.rejects(retrySaga(storeOf(world), world.runtime, 'nobody'), SagaNotWaiting);
});

named('stop by hand: refused for a saga that is undone or stuck; retrying a stuck one is the verdict `retry`', async (world) => {
  const { instance } = await stuck(world);
  assert.equal(instance.state, 'stuck');
  await assert.rejects(stop(world), (error) => error instanceof SagaNotRunning && /waits for a verdict/.test(error.message));
  await retry(world, 'ada');
  assert.deepEqual([(await world.instance()).state, (await world.instance()).journal[1]?.verdicts?.[0]?.by], ['undoing', 'ada']);
  await assert.rejects(stop(world), (error) => error instanceof SagaNotRunning && /is being undone already/.test(error.message));
  world.callee.answers = {};
  await world.until('undone');
});

named('retry by hand: a failed step that waits runs again soon, in the same process, and then waits as before', async (world) => {
  let down = true;
  world.callee.answers = {
    pay: () => {
      if (down) throw new Error('down');
    },
  };
  await begin(world);
  await waits(world);
  const runs = world.callee.log.length;
  await retry(world);
  await assert.rejects(retry(world), (error) => error instanceof SagaNotWaiting && /does not wait/.test(error.message));
  await runsSoon(world, runs);
  await world.when('its hurry is over after one run', async () => {
    const { due, changed } = await world.instance();
    return due > changed;
  });
  await waits(world);
  down = false;
  await retry(world);
  await world.clock.advance(soonMs);
  assert.equal((await world.instance()).state, 'done');
});

named('retry by hand: an undo that waits runs again soon; without a process, the next one runs it at once', async (world) => {
  let down = true;
  world.callee.answers = {
    pay: () => new Promise(() => {}),
    unbook: () => {
      if (down) throw new Error('down');
    },
  };
  const first = await begin(world);
  await world.when('it pays', () => world.callee.log.length === 2);
  await stop(world);
  await waits(world);
  const runs = world.callee.log.length;
  await retry(world);
  await runsSoon(world, runs);
  await waits(world);
  await first.engine.close();
  await first.worker.close();
  down = false;
  await retry(world);
  await world.process([patient]);
  await world.clock.advance(soonMs);
  assert.equal((await world.instance()).state, 'undone');
});
