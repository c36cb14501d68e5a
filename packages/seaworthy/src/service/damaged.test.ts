import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { caller } from '../client/caller.ts';
import { CallFailed } from '../client/errors.ts';
import { local } from '../client/transports/local.ts';
import { command, contract } from '../contract/contract.ts';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { policyOn } from '../resilience/policy.ts';
import { memory } from '../store/drivers/memory.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { external } from './handler.ts';
import { run } from './lifecycle.ts';
import { service } from './service.ts';

const till = contract('till', {
  note: command({ http: 'POST /notes', input: z.object({ id: z.string() }) }),
  charge: command({ http: 'POST /charges', input: z.object({ id: z.string() }) }),
});

async function open() {
  const clock = virtualClock();
  const reported: unknown[] = [];
  const log = (_level: string, message: string, attributes: Readonly<Record<string, unknown>> = {}): void => {
    if (message.startsWith('a row cannot be read')) reported.push(attributes['row']);
  };
  const own = runtime({ clock, random: seededRandom(1), observe: { ...silent, log } });
  const store = await memory().open('till', own);
  const state = { down: true, charged: new Set<string>() };
  const running = await run(
    service(till, {
      handlers: {
        note() {},
        charge: external({
          before: () => null,
          do({ input }) {
            if (state.down) throw new Error('down');
            state.charged.add(input.id);
          },
          after() {},
        }),
      },
    }),
    {
      ...{ runtime: own, bus: await memoryBus().open(own), call: (() => assert.fail('it calls nobody')) as never },
      store: { open: async () => store },
    },
  );
  await running.begin();
  const call = caller({ runtime: own, transportOf: () => local('till', () => running.endpoint), policyOf: () => policyOn(own) });
  const codeOf = (work: Promise<unknown>): Promise<unknown> =>
    clock.run(
      work.then(
        () => 'ok',
        (error: unknown) => (error instanceof CallFailed ? error.problem.code : error),
      ),
    );
  return { ...{ clock, store, state, reported, codeOf }, call, damage: (sql: string) => clock.run(store.transaction((tx) => tx.run(sql))) };
}

test('an intent that cannot be read is reported once by name and left aside; the others go on', async () => {
  const { clock, state, reported, call, codeOf, damage } = await open();
  for (const id of ['a', 'b', 'c']) await codeOf(call(till.charge, { id }, { key: id }));
  await damage("update sw_intent set input = '{oops' where idempotency_key = 'a'");
  state.down = false;
  await clock.advance(60_000);
  assert.deepEqual([...state.charged].sort(), ['b', 'c']);
  assert.deepEqual(reported, ['charge a']);
  assert.equal(await codeOf(call(till.charge, { id: 'a' }, { key: 'a' })), 'SW_STORE_ROW_DAMAGED');
  await damage(`update sw_intent set input = '{"id":"a"}' where idempotency_key = 'a'`);
  await clock.advance(60_000);
  assert.deepEqual([...state.charged].sort(), ['a', 'b', 'c']);
});

for (const answer of ['{oops', '5', 'null', '"ok"'])
  test(`a recorded answer of ${answer} is SW_STORE_ROW_DAMAGED for its key alone`, async () => {
    const { call, codeOf, damage } = await open();
    for (const id of ['a', 'b']) assert.equal(await codeOf(call(till.note, { id }, { key: id })), 'ok');
    await damage(`update sw_idempotency set answer = '${answer}' where idempotency_key = 'a'`);
    assert.equal(await codeOf(call(till.note, { id: 'a' }, { key: 'a' })), 'SW_STORE_ROW_DAMAGED');
    for (const id of ['b', 'c']) assert.equal(await codeOf(call(till.note, { id }, { key: id })), 'ok');
  });
