import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fingerprint } from '../idempotency.ts';
import { failedWith, openWorld, stop, till, tillOf } from './world.fixture.ts';

test('a process that stops in order does not count as a death, even of a suspect that it was driving', async () => {
  const world = await openWorld();
  let runs = 0;
  world.stage.do = () => {
    runs++;
    return new Promise(() => {});
  };
  let { running, call } = await world.process();
  call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  for (let life = 1; life <= 4; life++) {
    await world.when('`do` runs again', () => runs === life);
    await stop(running);
    assert.deepEqual(await world.deaths(), [0]);
    ({ running, call } = await world.process());
  }
  await stop(running);
  await world.store.transaction((tx) => tx.run('update sw_intent set crashes = 2'));
  const before = runs;
  ({ running } = await world.process());
  await world.when('`do` runs again', () => runs > before);
  assert.deepEqual(await world.deaths(), [3], 'its death is written before the run');
  await stop(running);
  assert.deepEqual(await world.deaths(), [2]);
  world.stage.do = () => 'yes';
  ({ running } = await world.process());
  await world.charged();
  await stop(running);
});

test('a death counts only for intents that a process had in flight, and only if the process did not stop in order', async () => {
  const world = await openWorld();
  await world.migrate();
  await world.addDeadWorker();
  await world.insertIntents([
    { key: 'a driven', owner: 'killed', inFlight: true },
    { key: 'b waiting', owner: 'killed' },
    { key: 'c stopped', owner: 'stopped', inFlight: true },
  ]);
  world.stage.do = () => new Promise(() => {});
  const { running } = await world.process();
  await world.clock.advance(10);
  assert.deepEqual(await world.deaths(), [1, 0, 0]);
  await stop(running);
});

test('suspects are driven one at a time, beside other intents, those with the fewest deaths first; a caller does not drive one', async () => {
  const world = await openWorld();
  await world.migrate();
  await world.addDeadWorker();
  await world.insertIntents([
    { key: 'four', crashes: 4, owner: 'killed', inFlight: true },
    { key: 'three', crashes: 3, owner: 'killed', inFlight: true },
    { key: 'one', crashes: 1, owner: 'killed', inFlight: true },
    { key: 'none', crashes: 0, owner: 'killed', inFlight: true },
  ]);
  const answers = new Map<string, (value: unknown) => void>();
  world.stage.do = ({ key }) => new Promise((resolve) => answers.set(key, resolve));
  const { running, call } = await world.process(tillOf(world.stage, { timeout: '1h' }));
  await world.clock.advance(5000);
  // With this death `one` is a suspect as well.
  assert.deepEqual([...answers.keys()], ['none', 'one']);
  await world.store.transaction(async (tx) => {
    for (const table of ['sw_intent', 'sw_idempotency']) await tx.run(`update ${table} set fingerprint = ?`, fingerprint({ id: 'four' }));
  });
  answers.get('one')?.('yes');
  await world.when('`do` runs again', () => answers.size === 3);
  assert.equal([...answers.keys()].at(-1), 'three');
  await assert.rejects(world.clock.run(call(till.charge, { id: 'four' }, { key: 'four' })), failedWith('SW_IDEMPOTENCY_IN_PROGRESS'));
  answers.get('three')?.('yes');
  await world.when('`do` runs again', () => answers.size === 4);
  for (const answer of answers.values()) answer('yes');
  await world.charged(4);
  await stop(running);
});

test('an intent is set aside after 5 deaths, for 5 minutes doubling to an hour; a run that ends clears its deaths', async () => {
  const world = await openWorld();
  await world.migrate();
  await world.addDeadWorker();
  let runs = 0;
  world.stage.do = () => {
    runs++;
    throw new Error('no answer');
  };
  for (const [crashes, minutes] of [
    [5, 5],
    [6, 10],
    [7, 20],
    [8, 40],
    [9, 60],
    [40, 60],
  ] as const) {
    await world.store.transaction((tx) => tx.run('delete from sw_intent'));
    await world.insertIntents([{ key: 'k', crashes, owner: 'killed', inFlight: true }]);
    const { running } = await world.process();
    await world.clock.advance(10);
    const [row] = await world.store.read.all('select due from sw_intent');
    assert.equal(Math.round((Number(row?.['due']) - world.clock.now()) / 60_000), minutes);
    assert.equal(runs, 0);
    await stop(running);
  }
  assert.equal(world.logged.filter((line) => line.endsWith('has killed its processes; leaving it aside')).length, 6);
  const { running } = await world.process();
  await world.clock.advance(59 * 60_000);
  assert.equal(runs, 0, 'the next process waits as well');
  await world.when('`do` runs again', () => runs > 0);
  await world.when('the run has ended', async () => (await world.attempts()) === 1);
  assert.deepEqual(await world.deaths(), [0]);
  await stop(running);
});
