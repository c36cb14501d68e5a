import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { command, contract } from '../../contract/contract.ts';
import { thrown } from '../../core/conformance/thrown.ts';
import { sleep } from '../../core/sleep.ts';
import { virtualClock } from '../../testing/clock.ts';
import { pausable } from '../../testing/pausable-clock.fixture.ts';
import { IntentStranded } from '../errors.ts';
import { external } from '../handler.ts';
import { service } from '../service.ts';
import { failedWith, oneHanging, openWorld, stop, till, tillOf } from './world.fixture.ts';

test('a run of `do` without an outcome is counted and fails its span; a run that the stop of the process aborts does neither', async () => {
  const world = await openWorld();
  const { running, call } = await world.process();
  let runs = 0;
  world.stage.do = () => {
    if (runs++ === 0) throw new Error('no answer');
    return new Promise(() => {});
  };
  call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  await world.when('the second run hangs', () => runs === 2);
  await stop(running);
  assert.deepEqual(world.reported, [
    'seaworthy_external_do till.charge unknown failed',
    'seaworthy_external_postponed_total till.charge',
    'seaworthy_external_do till.charge cut',
  ]);
});

test('`do` runs again after it throws, whatever it throws', async () => {
  const world = await openWorld();
  const { running, call } = await world.process();
  const values = new Map(Object.entries(thrown).map(([what, [value]]) => [what.replaceAll(' ', '-'), value]));
  const runs = new Set<string>();
  world.stage.do = ({ key }) => {
    if (runs.has(key)) return 'yes';
    runs.add(key);
    throw values.get(key);
  };
  for (const key of values.keys()) call(till.charge, { id: key }, { key }).catch(() => {});
  await world.charged(values.size);
  assert.equal(runs.size, values.size);
  await stop(running);
});

test('G8: a service does not start when its code lacks the external command of an open intent; the error names the command', async () => {
  const world = await openWorld();
  world.stage.do = () => new Promise(() => {});
  const first = await world.process();
  first.call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  await world.when('there is an intent', async () => (await world.intents()) === 1);
  await stop(first.running);
  await assert.rejects(
    world.process(tillOf(world.stage, { plain: true })),
    (error: unknown) => error instanceof IntentStranded && /charge \(1\)/.test(error.message),
  );
  world.stage.do = () => 'yes';
  const second = await world.process();
  await world.charged();
  await stop(second.running);
});

test('G7: many intents of a command that this code does not have do not hold up the others', async () => {
  const world = await openWorld();
  const { first, second } = await oneHanging(world);
  await world.insertIntents(Array.from({ length: 100 }, (_, n) => ({ operation: 'refund', key: `r${n}` })));
  await stop(first.running);
  await world.charged();
  assert.equal(await world.intents(), 100);
  await stop(second.running);
});

test('G7: many overdue intents of one command do not hold up another command', async () => {
  const world = await openWorld();
  const { first, second } = await oneHanging(world);
  await stop(first.running);
  await stop(second.running);
  const refunds = contract('till', {
    charge: till.charge,
    refund: command({ http: 'POST /refunds', input: z.object({ id: z.string() }) }),
  });
  let asked = 0;
  const both = service(refunds, {
    migrations: [{ name: 'till/1', statements: ({ types: { key } }) => [`create table charge (id ${key} not null primary key)`] }],
    handlers: {
      charge: tillOf(world.stage).handlers['charge'] as never,
      refund: external({
        before: () => ({}),
        do() {
          asked++;
          return new Promise(() => {});
        },
        after: () => {},
      }),
    },
  });
  await world.insertIntents(Array.from({ length: 400 }, (_, n) => ({ operation: 'refund', key: `r${n}` })));
  const { running } = await world.process(both as never);
  // Long enough for the first turns of the driver.
  await world.clock.advance(10);
  assert.deepEqual([await world.charges(), asked], [1, 256]);
  await stop(running);
});

for (const { what, count, size, most } of [
  { what: 'large ones', count: 20, size: 2 ** 20, most: 8 },
  { what: 'many of them', count: 600, size: 10, most: 256 },
])
  test(`no more intents are in flight than fit into memory (${what}), and each has its turn`, async () => {
    const world = await openWorld();
    await world.migrate();
    const [seen, now] = [new Set<string>(), { running: 0, most: 0 }];
    world.stage.do = async ({ key }) => {
      const hangs = !seen.has(key);
      seen.add(key);
      now.most = Math.max(now.most, ++now.running);
      await sleep(world.clock, hangs ? 900 : 0);
      now.running--;
      return 'yes';
    };
    const intent = JSON.stringify('x'.repeat(size));
    await world.insertIntents(Array.from({ length: count }, (_, n) => ({ key: `k${n}`, intent })));
    const { running } = await world.process();
    await world.charged(count);
    assert.equal(now.most > 1 && now.most <= most, true, `${now.most} at one time`);
    await stop(running);
  });

test('an intent whose numbers cannot be read is reported by name and left aside', async () => {
  const world = await openWorld();
  await world.migrate();
  await world.insertIntents([{ key: 'bad' }]);
  await world.store.transaction((tx) => tx.run('update sw_intent set since = 9223372036854775807, attempts = 9223372036854775807'));
  const { running } = await world.process();
  await world.when('the row is reported', () => world.logged.some((line) => line.startsWith('a row cannot be read')));
  await stop(running);
});

test('intents that cannot be read are reported once and left aside; the others go on, as does one that is corrected', async () => {
  const world = await openWorld();
  await world.migrate();
  await world.insertIntents([...Array.from({ length: 70 }, (_, n) => ({ key: `bad ${n}`, input: '{oops' })), { key: 'good' }]);
  const { running } = await world.process();
  await world.charged();
  await world.clock.advance(100_000);
  assert.equal(world.logged.filter((line) => line.startsWith('a row cannot be read')).length, 70);
  await world.store.transaction((tx) => tx.run(`update sw_intent set input = '{"id":"mended"}' where idempotency_key = 'bad 0'`));
  await world.charged(2);
  await stop(running);
});

test('a process does not run `do` twice at one time for one intent, however overdue its row is', async () => {
  const world = await openWorld();
  const answers: ((value: unknown) => void)[] = [];
  world.stage.do = () => new Promise((resolve) => answers.push(resolve));
  const { running, call } = await world.process();
  await world.clock.advance(600);
  const answer = call(till.charge, { id: 'a' }, { key: 'k' });
  await world.when('`do` runs', () => answers.length === 1);
  await world.store.transaction((tx) => tx.run('update sw_intent set due = 0'));
  // Long enough for the next turn of the driver, but not for the timeout of `do`.
  await world.clock.advance(600);
  assert.equal(answers.length, 1);
  answers[0]?.('yes');
  assert.deepEqual(await world.clock.run(answer), { receipt: 'receipt' });
  assert.equal(await world.charges(), 1);
  await stop(running);
});

test('after a pause longer than its ttl a process runs no `do` before its next heartbeat', async () => {
  const clock = pausable(virtualClock());
  const world = await openWorld(clock);
  const { call } = await world.process();
  const runs: number[] = [];
  world.stage.do = () => void runs.push(clock.monotonic());
  world.stage.before = () => {
    clock.pause(5000);
    return {};
  };
  const paused = clock.monotonic() + 5000;
  const refused = assert.rejects(call(till.charge, { id: 'a' }, { key: 'k' }), failedWith('SW_IDEMPOTENCY_IN_PROGRESS'));
  await world.charged();
  await refused;
  assert.equal(runs.length, 1);
  assert.ok((runs[0] as number) > paused + 500, `${runs[0]} after ${paused}`);
});
