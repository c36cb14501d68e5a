import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { envelope } from '../bus/envelope.ts';
import { contract, event } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { memory } from '../store/drivers/memory.ts';
import { virtualClock } from '../testing/clock.ts';
import { attempt, subscription } from './attempt.ts';

const orders = contract('orders', { placed: event({ key: 'id', data: z.object({ id: z.string() }) }) });

test('a handler that hangs leaves no timer behind when its process goes down', async () => {
  const clock = virtualClock();
  const machine = runtime({ clock });
  const store = await memory().open('mails', machine);
  const began = Promise.withResolvers<void>();
  const down = new AbortController();
  const hanging = attempt({
    ...{
      store,
      runtime: machine,
      number: 1,
      timeoutMs: 30_000,
      parents: [down.signal],
      isolation: undefined,
      admit: async () => undefined,
    },
    subscription: subscription(orders.placed, () => {
      began.resolve();
      return new Promise<undefined>(() => {});
    }),
    envelope: envelope({ id: '1', service: 'orders', event: 'placed', key: 'a', now: clock.now(), data: { id: 'a' } }),
    span: machine.observe.span('test'),
  });
  await began.promise;
  assert.equal(clock.waiting, 1);
  const reason = new Error('going down');
  down.abort(reason);
  await assert.rejects(hanging, reason);
  assert.equal(clock.waiting, 0);
  await store.close();
});
