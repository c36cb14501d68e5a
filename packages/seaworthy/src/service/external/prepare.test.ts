import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { Failure } from '../../client/call.ts';
import { command, contract } from '../../contract/contract.ts';
import { thrown } from '../../core/conformance/thrown.ts';
import { external } from '../handler.ts';
import { service } from '../service.ts';
import { failedWith, oneHanging, openWorld, stop, till } from './world.fixture.ts';

for (const stage of ['before', 'after'] as const)
  test(`the caller gets SW_HANDLER_FAILED when \`${stage}\` throws, whatever it throws`, async () => {
    for (const [value] of Object.values(thrown)) {
      const world = await openWorld();
      const { running, call } = await world.process();
      world.stage[stage] = () => {
        throw value;
      };
      await assert.rejects(call(till.charge, { id: 'a' }, { key: 'k' }), failedWith('SW_HANDLER_FAILED'));
      await stop(running);
    }
  });

test('`do` and `after` see the same intent before and after a crash', async () => {
  const world = await openWorld();
  const first = await world.process();
  const seen: unknown[] = [];
  world.stage.before = () => ({ at: 0, none: undefined, list: [{}] });
  world.stage.do = ({ intent }) => {
    seen.push(intent);
    return seen.length === 1 ? new Promise(() => {}) : 'yes';
  };
  world.stage.after = ({ intent }) => {
    seen.push(intent);
    return 'receipt';
  };
  first.call(till.charge, { id: 'a' }, { key: 'k' }).catch(() => {});
  await world.when('`do` runs', () => seen.length === 1);
  await stop(first.running);
  assert.equal(await world.attempts(), 0);
  const second = await world.process();
  await world.charged();
  assert.deepEqual(seen, Array(3).fill({ at: 0, list: [{}] }));
  await stop(second.running);
});

test('G7: another process neither drives nor answers an intent while its worker lives, and does both once that is dead', async () => {
  const world = await openWorld();
  const { first, second, runs } = await oneHanging(world);
  await assert.rejects(second.call(till.charge, { id: 'a' }, { key: 'k' }), failedWith('SW_IDEMPOTENCY_IN_PROGRESS'));
  assert.equal(runs(), 1);
  await stop(first.running);
  await world.charged();
  assert.deepEqual(await second.call(till.charge, { id: 'a' }, { key: 'k' }), { receipt: 'receipt' });
  assert.equal(runs(), 2);
  await stop(second.running);
});

test('G9: a declared error that `before` throws is recorded; a repeat does not run `before` again', async () => {
  const world = await openWorld();
  const { running, call } = await world.process();
  let asked = 0;
  world.stage.before = () => {
    asked++;
    throw new Failure('Closed', undefined);
  };
  await assert.rejects(world.clock.run(call(till.charge, { id: 'a' }, { key: 'k' })), Failure);
  const before = asked;
  await assert.rejects(world.clock.run(call(till.charge, { id: 'a' }, { key: 'k' })), Failure);
  assert.equal(asked, before);
  assert.equal(await world.intents(), 0);
  await stop(running);
});

test('G6: an external command that undoes a step commits the tombstone with its intent; the step, when it arrives late, does not run `do`', async () => {
  const world = await openWorld();
  const { running, call } = await world.process();
  const keys: string[] = [];
  world.stage.do = ({ key }) => {
    keys.push(key);
    return new Promise(() => {});
  };
  call(till.charge, { id: 'a' }, { key: 's.charge.undo#1', undoes: 's.charge' }).catch(() => {});
  await world.when('`do` runs', () => keys.length === 1);
  await assert.rejects(call(till.charge, { id: 'b' }, { key: 's.charge#1' }), failedWith('SW_STEP_UNDONE'));
  assert.deepEqual(keys, ['s.charge.undo#1']);
  await stop(running);
});

test('an intent of an older version gets the defaults of new input fields; its other fields stay as they were', async () => {
  const world = await openWorld();
  const seen: unknown[] = [];
  let answers = false;
  const cents = z.number().transform((euros) => euros * 100);
  const versionOf = (input: z.ZodType<{ readonly id: string }>) => {
    const next = contract('till', {
      charge: command({ http: 'POST /charges', input: input as typeof till.charge.input, output: z.object({ receipt: z.string() }) }),
    });
    const handlers = {
      charge: external({
        timeout: '1s',
        before: () => ({}),
        do: (context) => {
          if (!answers) throw new Error('no answer');
          seen.push(context.input);
        },
        after: ({ input: read }) => {
          seen.push(read);
          return { receipt: 'r' };
        },
      }),
    };
    return { next, definition: service(next, { handlers }) };
  };
  const Line = z.object({ price: cents });
  const old = versionOf(z.object({ id: z.string(), price: cents, lines: z.array(Line) }) as never);
  const first = await world.process(old.definition as never);
  first.call(old.next.charge, { id: 'a', price: 5, lines: [{ price: 2 }] } as never, { key: 'k' }).catch(() => {});
  await world.when('it was tried', async () => Number(await world.attempts()) > 0);
  await stop(first.running);
  answers = true;
  const More = Line.extend({ unit: z.string().default('kg') });
  const now = versionOf(z.object({ id: z.string(), price: cents, by: z.string().default('till'), lines: z.array(More) }) as never);
  const { running } = await world.process(now.definition as never);
  await world.when('it has its outcome', async () => (await world.intents()) === 0);
  const input = { id: 'a', price: 500, by: 'till', lines: [{ price: 200, unit: 'kg' }] };
  // `after` may run again after a conflict.
  assert.ok(seen.length >= 2);
  for (const one of seen) assert.deepEqual(one, input);
  await stop(running);
});

test('a recorded error that the contract no longer declares is SW_ANSWER_OUTDATED; a recorded output that it no longer declares is left out', async () => {
  const world = await openWorld();
  const first = await world.process();
  world.stage.before = () => {
    throw new Failure('Closed', undefined);
  };
  await assert.rejects(first.call(till.charge, { id: 'a' }, { key: 'refused' }), Failure);
  world.stage.before = () => ({});
  await first.call(till.charge, { id: 'b' }, { key: 'done' });
  await stop(first.running);
  const next = contract('till', { charge: command({ http: 'POST /charges', input: z.object({ id: z.string() }) }) });
  const { running, call } = await world.process(service(next, { handlers: { charge: () => {} } }) as never);
  await assert.rejects(call(next.charge, { id: 'a' }, { key: 'refused' }), failedWith('SW_ANSWER_OUTDATED'));
  assert.equal(await call(next.charge, { id: 'b' }, { key: 'done' }), undefined);
  await stop(running);
});
