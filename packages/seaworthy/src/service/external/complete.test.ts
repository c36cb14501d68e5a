import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallFailed } from '../../client/errors.ts';
import { CommitFailed, CommitUnknown } from '../../store/errors.ts';
import type { Store } from '../../store/store.ts';
import { failedWith, openWorld, stop, till } from './world.fixture.ts';

test('G6: `do` is repeated with a growing delay until its outcome can be written, and each failure is logged', async () => {
  const world = await openWorld();
  const { running, call } = await world.process();
  const times: number[] = [];
  world.stage.do = () => void times.push(world.clock.monotonic());
  world.stage.after = () => {
    if (times.length < 6) throw new Error('a bug');
    return 'mended';
  };
  const failed = call(till.charge, { id: 'a' }, { key: 'k' }).catch((error: unknown) => error);
  await world.charged();
  assert.equal(((await failed) as CallFailed).problem.code, 'SW_HANDLER_FAILED');
  const waits = times.slice(1).map((time, index) => time - (times[index] as number));
  // Polling once a second would give five seconds in all.
  assert.ok((waits.at(-1) as number) > 4000, waits.join(', '));
  assert.equal(world.logged.filter((line) => line.includes('could not be written')).length, 5);
  assert.equal(await world.intents(), 0);
  assert.deepEqual(await call(till.charge, { id: 'a' }, { key: 'k' }), { receipt: 'mended' });
  await stop(running);
});

test('an `after` that exceeds its timeout is rolled back, and `do` is repeated', async () => {
  const world = await openWorld();
  const { running, call } = await world.process();
  let runs = 0;
  world.stage.after = () => (runs++ === 0 ? new Promise(() => {}) : 'second');
  const failed = call(till.charge, { id: 'a' }, { key: 'k' }).catch((error: unknown) => error);
  await world.charged();
  const error = await failed;
  assert.ok(error instanceof CallFailed);
  assert.deepEqual([error.problem.code, error.kind], ['SW_DEADLINE_EXCEEDED', 'deadline']);
  assert.equal(runs, 2);
  assert.deepEqual(await call(till.charge, { id: 'a' }, { key: 'k' }), { receipt: 'second' });
  await stop(running);
});

test('G13: a close aborts an `after` that hangs; the next process writes the outcome', async () => {
  const world = await openWorld();
  const { running, call } = await world.process();
  let hangs = false;
  world.stage.after = () => {
    hangs = true;
    return new Promise(() => {});
  };
  call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  await world.when('`after` hangs', () => hangs);
  await stop(running);
  assert.deepEqual([await world.charges(), await world.attempts()], [0, 0]);
  world.stage.after = () => 'next';
  const next = await world.process();
  await world.charged();
  await stop(next.running);
});

test('G7: a worker whose intent was taken over during `do` writes nothing', async () => {
  const world = await openWorld();
  const answers: ((value: unknown) => void)[] = [];
  world.stage.do = () => new Promise((resolve) => answers.push(resolve));
  const first = await world.process();
  const call = first.call(till.charge, { id: 'a' }, { key: 'k' }).catch((error: unknown) => error);
  await world.when('`do` runs', () => answers.length === 1);
  // The worker was taken for dead, but does not know it.
  await world.store.transaction((tx) => tx.run("update sw_intent set owner = 'another'"));
  answers[0]?.('yes');
  assert.equal(((await world.clock.run(call)) as CallFailed).problem.code, 'SW_IDEMPOTENCY_IN_PROGRESS');
  assert.deepEqual([await world.charges(), await world.intents()], [0, 1]);
  await stop(first.running);
});

for (const [what, error, committed] of [
  ['failed', new CommitFailed('as the test says'), false],
  ['was not reported, and failed', new CommitUnknown('as the test says'), false],
  ['was not reported, and succeeded', new CommitUnknown('as the test says'), true],
] as const)
  test(`an outcome whose commit ${what} is written once, and counts as no run of \`do\` without an outcome`, async () => {
    const world = await openWorld();
    await world.migrate();
    let refused = 0;
    const view: Store = {
      ...world.store,
      async transaction(work, options) {
        const again = new Error('rolled back');
        let last = false;
        const run = world.store.transaction(async (tx) => {
          const value = await work(tx);
          last = (await tx.all('select 1 from charge')).length > 0 && refused === 0;
          if (last && !committed) throw again;
          return value;
        }, options);
        const value = await run.catch((thrown: unknown) => {
          if (thrown !== again) throw thrown;
          refused++;
          throw error;
        });
        if (last) {
          refused++;
          throw error;
        }
        return value;
      },
    };
    const { running, call } = await world.process(undefined, view);
    let attempts: unknown;
    world.stage.do = async () => {
      attempts = await world.attempts();
    };
    await assert.rejects(world.clock.run(call(till.charge, { id: 'a' }, { key: 'k' })), failedWith(error.code));
    await world.charged();
    assert.deepEqual([refused, attempts, await world.intents()], [1, 0, 0]);
    assert.deepEqual(await world.clock.run(call(till.charge, { id: 'a' }, { key: 'k' })), { receipt: 'receipt' });
    await stop(running);
  });
