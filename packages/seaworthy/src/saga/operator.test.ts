import assert from 'node:assert/strict';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { retrySaga, SagaNotRunning, SagaNotWaiting, stopSaga } from './verdict.ts';
import { Ref, remote, stuck, trips, type World } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const storeOf = (sea: World): Store<unknown, unknown> => sea.store as Store<unknown, unknown>;
const stop = async (sea: World, by?: string): Promise<void> =>
  stopSaga(storeOf(sea), (await sea.instance()).id, { reason: 'flood', ...(by !== undefined && { by }) });
const retry = async (sea: World, by?: string): Promise<void> =>
  retrySaga(storeOf(sea), sea.runtime, (await sea.instance()).id, by === undefined ? {} : { by });

const patient = saga(trips, 'patient', { input: Ref, uses: [remote], key: ({ id }) => id })
  .step('book', {
    do: ({ call, input }) => call(remote.book, input),
    undo: ({ call, input }) => call(remote.unbook, input),
  })
  .step('pay', { retry: { attempts: 99 }, do: ({ call, input }) => call(remote.pay, input) });
const begin = async (sea: World): Promise<Awaited<ReturnType<World['process']>>> => {
  const process = await sea.process([patient]);
  await sea.run(process.engine, ({ start }) => start(patient, { id: 'p' }));
  return process;
};
/** Moves the clock until it waits for more than ten seconds. */
async function waits(sea: World): Promise<void> {
  for (let seconds = 0; seconds < 600; seconds++) {
    const { due } = await sea.instance();
    if (due - sea.clock.now() > 10_000) return;
    await sea.clock.advance(500);
  }
  assert.fail(`it never waits for long: ${JSON.stringify(await sea.instance())}`);
}
/** The time of two polls of an engine, in milliseconds. */
const soonMs = 2000;
/** Checks that the step runs again within two polls. The time of the run after that is random. */
async function runsSoon(sea: World, runs: number): Promise<void> {
  const from = sea.clock.now();
  await sea.when('it is run again', () => sea.callee.log.length > runs);
  assert.ok(sea.clock.now() - from <= soonMs, `after ${sea.clock.now() - from} ms`);
}

named('stop by hand: a waiting saga is undone soon; reason and name are in its cause', async (sea) => {
  sea.callee.answers = {
    pay: () => {
      throw new Error('down');
    },
  };
  await begin(sea);
  await waits(sea);
  await stop(sea, 'ada');
  await assert.rejects(
    stop(sea),
    (error) => error instanceof SagaNotRunning && /is stopped already, and will be undone: stopped by ada: flood/.test(error.message),
  );
  await sea.clock.advance(soonMs);
  const { state, cause, stopping } = await sea.instance();
  assert.deepEqual([state, cause], ['undone', { kind: 'stopped', reason: 'flood', by: 'ada' }]);
  assert.deepEqual(stopping, cause);
});

named('stop by hand: a running step is aborted; without a process, the next one undoes the saga', async (sea) => {
  sea.callee.answers = { pay: () => new Promise(() => {}) };
  const first = await begin(sea);
  await sea.when('it pays', () => sea.callee.log.length === 2);
  await first.engine.close(AbortSignal.abort(new Error('down')));
  await first.worker.close();
  await stop(sea);
  await sea.process([patient]);
  await sea.until('undone');
  assert.deepEqual((await sea.instance()).cause, { kind: 'stopped', reason: 'flood' });
  assert.deepEqual(sea.callee.log, ['book p', 'pay p', 'unbook p']);
});

named('stop by hand: refused for a saga that has ended or is unknown', async (sea) => {
  await begin(sea);
  await sea.until('done');
  await assert.rejects(stop(sea), (error) => error instanceof SagaNotRunning && /has ended, and is done/.test(error.message));
  await assert.rejects(stopSaga(storeOf(sea), 'nobody', { reason: 'x' }), SagaNotRunning);
  await assert.rejects(retry(sea), (error) => error instanceof SagaNotWaiting && /has ended, and is done/.test(error.message));
  await assert.rejects(retrySaga(storeOf(sea), sea.runtime, 'nobody'), SagaNotWaiting);
});

named('stop by hand: refused for a saga that is undone or stuck; retrying a stuck one is the verdict `retry`', async (sea) => {
  const { instance } = await stuck(sea);
  assert.equal(instance.state, 'stuck');
  await assert.rejects(stop(sea), (error) => error instanceof SagaNotRunning && /waits for a verdict/.test(error.message));
  await retry(sea, 'ada');
  assert.deepEqual([(await sea.instance()).state, (await sea.instance()).journal[1]?.verdicts?.[0]?.by], ['undoing', 'ada']);
  await assert.rejects(stop(sea), (error) => error instanceof SagaNotRunning && /is being undone already/.test(error.message));
  sea.callee.answers = {};
  await sea.until('undone');
});

named('retry by hand: a failed step that waits runs again soon, in the same process, and then waits as before', async (sea) => {
  let down = true;
  sea.callee.answers = {
    pay: () => {
      if (down) throw new Error('down');
    },
  };
  await begin(sea);
  await waits(sea);
  const runs = sea.callee.log.length;
  await retry(sea);
  await assert.rejects(retry(sea), (error) => error instanceof SagaNotWaiting && /does not wait/.test(error.message));
  await runsSoon(sea, runs);
  await sea.when('its hurry is over after one run', async () => {
    const { due, changed } = await sea.instance();
    return due > changed;
  });
  await waits(sea);
  down = false;
  await retry(sea);
  await sea.clock.advance(soonMs);
  assert.equal((await sea.instance()).state, 'done');
});

named('retry by hand: an undo that waits runs again soon; without a process, the next one runs it at once', async (sea) => {
  let down = true;
  sea.callee.answers = {
    pay: () => new Promise(() => {}),
    unbook: () => {
      if (down) throw new Error('down');
    },
  };
  const first = await begin(sea);
  await sea.when('it pays', () => sea.callee.log.length === 2);
  await stop(sea);
  await waits(sea);
  const runs = sea.callee.log.length;
  await retry(sea);
  await runsSoon(sea, runs);
  await waits(sea);
  await first.engine.close();
  await first.worker.close();
  down = false;
  await retry(sea);
  await sea.process([patient]);
  await sea.clock.advance(soonMs);
  assert.equal((await sea.instance()).state, 'undone');
});
