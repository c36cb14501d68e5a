import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DurationInvalid } from '../core/duration.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { SagaInvalid, saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import type { SagaEngine } from './engine.ts';
import type { Cause } from './instance.ts';
import { Ref, remote, type Time, trips, type World } from './world.fixture.ts';

/** What it may take in all. */
const whole = 120_000;
const day = 86_400_000;

/** A clock whose hands somebody may move. */
let moveHands: (ms: number) => void = () => {};
function handed(): Time {
  const clock = virtualClock();
  let ahead = 0;
  moveHands = (ms) => {
    ahead += ms;
  };
  return { ...clock, now: () => clock.now() + ahead };
}
const { named } = eachStore(handed, () => seededRandom(1));

const causes: Cause[] = [];
/** One that pays within two minutes, or not at all. */
const hasty = saga(trips, 'hasty', { input: Ref, uses: [remote], key: ({ id }) => id, deadline: '2m' })
  .step('book', {
    do: ({ call, input }) => call(remote.book, input),
    undo: async ({ call, input, cause }) => {
      causes.push(cause);
      await call(remote.unbook, input);
    },
  })
  .step('pay', { retry: { attempts: 100_000 }, timeout: '10h', do: ({ call, input }) => call(remote.pay, input) });
const late: Cause = { kind: 'late', deadline: '2m' };

const begin = (world: World, engine: SagaEngine): Promise<void> => world.run(engine, ({ start }) => start(hasty, { id: 't' }));
const stateOf = async (world: World): Promise<string> => (await world.instance()).state;
const down = (): never => {
  throw new Error('down');
};

named('late: a step that runs at the deadline is aborted, the saga is undone, and its undos get the cause', async (world) => {
  causes.length = 0;
  world.callee.answers = { pay: () => new Promise(() => {}) };
  const { engine } = await world.process([hasty]);
  await begin(world, engine);
  await world.when('it pays', () => world.callee.log.length === 2);
  const signal = world.callee.options[1]?.signal;
  await world.clock.advance(whole - 2000);
  assert.deepEqual([await stateOf(world), signal?.aborted], ['running', false]);
  await world.clock.advance(3500);
  assert.deepEqual([await stateOf(world), signal?.aborted], ['undone', true]);
  assert.deepEqual((await world.instance()).cause, late);
  assert.deepEqual(causes, [late]);
  assert.deepEqual(world.callee.log, ['book t', 'pay t', 'unbook t']);
  assert.ok(world.said.includes('info: the saga hasty was undone: its deadline of 2m has passed'), world.said.join('\n'));
});

named(
  'late: a saga that waits for its next run is undone within a second or two, and one that is done in time stays done',
  async (world) => {
    let calls = 0;
    world.callee.answers = {
      pay: () => {
        calls++;
        if (calls > 1) throw new BreakerOpen('open', { retryAfterMs: 60_000 });
      },
    };
    const { engine } = await world.process([hasty]);
    await world.run(engine, ({ start }) => start(hasty, { id: 'quick' }));
    await world.until('done');
    await world.clock.advance(30_000);
    await begin(world, engine);
    await world.clock.advance(whole - 2000);
    const state = async (key: string): Promise<unknown> =>
      (await world.store.read.all('select state from sw_saga where saga_key = ?', key))[0]?.['state'];
    assert.equal(await state('t'), 'running');
    await world.clock.advance(3500);
    assert.deepEqual([await state('t'), await state('quick')], ['undone', 'done']);
  },
);

named('late: an undo has no deadline, also when it began before the deadline of its saga', async (world) => {
  let mended = false;
  world.callee.answers = {
    pay: down,
    unbook: () => {
      if (!mended) throw new BreakerOpen('open', { retryAfterMs: 10_000 });
    },
  };
  const { engine } = await world.process([hasty]);
  await begin(world, engine);
  await world.run(engine, ({ stop }) => stop(hasty, 't', 'enough'));
  await world.clock.advance(3 * whole);
  assert.equal(await stateOf(world), 'undoing');
  mended = true;
  await world.clock.advance(20_000);
  assert.deepEqual([await stateOf(world), (await world.instance()).cause], ['undone', { kind: 'stopped', reason: 'enough' }]);
});

named(
  'late: the deadline outlives the process; the next process begins no further step, though its definition has no deadline',
  async (world) => {
    world.callee.answers = { pay: down };
    const first = await world.process([hasty]);
    await begin(world, first.engine);
    await world.when('a run has failed', async () => (await world.instance()).attempts > 0);
    await first.engine.close();
    await first.worker.close();
    const runs = world.callee.log.length;
    await world.clock.advance(2 * whole);
    const without = { ...hasty, deadlineMs: undefined };
    await world.process([without]);
    await world.clock.advance(1500);
    assert.deepEqual([await stateOf(world), (await world.instance()).cause], ['undone', late]);
    assert.deepEqual(world.callee.log.slice(runs), ['unbook t']);
  },
);

for (const jump of [-day, day])
  named(`late: the clock is set ${jump < 0 ? 'back' : 'forward'} by a day under a process: two minutes stay two minutes`, async (world) => {
    world.callee.answers = { pay: () => new Promise(() => {}) };
    const { engine } = await world.process([hasty]);
    await begin(world, engine);
    await world.clock.advance(whole / 2);
    moveHands(jump);
    await world.clock.advance(whole / 2 - 2000);
    assert.equal(await stateOf(world), 'running');
    await world.clock.advance(3500);
    assert.equal(await stateOf(world), 'undone');
  });

for (const jump of [-day, day])
  named(
    `late: one that is started just after the clock was set ${jump < 0 ? 'back' : 'forward'} has its whole time, also over a restart`,
    async (world) => {
      world.callee.answers = { pay: () => new Promise(() => {}) };
      const first = await world.process([hasty]);
      await world.clock.advance(500);
      moveHands(jump);
      await begin(world, first.engine);
      await world.clock.advance(whole / 2);
      await first.engine.close(AbortSignal.abort(new Error('down')));
      await first.worker.close();
      await world.process([hasty]);
      await world.clock.advance(whole / 2 - 2000);
      assert.equal(await stateOf(world), 'running');
      await world.clock.advance(3500);
      assert.equal(await stateOf(world), 'undone');
    },
  );

named('late: the clock is set back while no process runs: the saga ends neither at once nor much too late', async (world) => {
  world.callee.answers = { pay: () => new Promise(() => {}) };
  const first = await world.process([hasty]);
  await begin(world, first.engine);
  await world.clock.advance(whole / 2);
  await first.engine.close(AbortSignal.abort(new Error('down')));
  await first.worker.close();
  moveHands(-day);
  await world.process([hasty]);
  await world.clock.advance(whole / 2);
  assert.equal(await stateOf(world), 'running');
  await world.clock.advance(whole / 2 + 2000);
  assert.equal(await stateOf(world), 'undone');
});

named('late: more sagas at once than one poll reads are all undone', async (world) => {
  world.callee.answers = { pay: () => new Promise(() => {}) };
  const { engine } = await world.process([hasty]);
  await world.run(engine, ({ start }) => {
    for (let n = 0; n < 600; n++) start(hasty, { id: String(n) });
  });
  await world.clock.advance(whole + 1500);
  assert.deepEqual(
    (await world.store.read.all("select count(*) as n from sw_saga where state = 'running' and stopping is null")).map(({ n }) => n),
    [0],
  );
});

test('a deadline is a duration longer than 0', () => {
  const spec = { input: Ref } as const;
  assert.throws(() => saga(trips, 'none', { ...spec, deadline: '0s' }), SagaInvalid);
  assert.throws(() => saga(trips, 'bare', { ...spec, deadline: '5' as '5s' }), DurationInvalid);
});
