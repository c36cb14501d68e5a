import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { command, contract, event } from '../contract/contract.ts';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { fleet } from '../fleet/fleet.ts';
import { start } from '../fleet/start.ts';
import { saga } from '../saga/definition.ts';
import { memory } from '../store/drivers/memory.ts';
import type { Store } from '../store/store.ts';
import { external } from './handler.ts';
import { service } from './service.ts';

const Ref = z.object({ id: z.string() });
const shop = contract('shop', {
  sell: command({ http: 'POST /sell', input: Ref }),
  pay: command({ http: 'POST /pay', input: Ref }),
  sold: event({ key: 'id', data: Ref }),
});

test('a start logs in one line the sagas, intents and events that an earlier process left, and nothing when there are none', async () => {
  let hanging = true;
  const hang = (): Promise<void> | undefined => (hanging ? new Promise(() => {}) : undefined);
  const selling = saga(shop, 'selling', { input: Ref, key: ({ id }) => id }).step('wait', { do: hang });
  const one = service(shop, {
    handlers: {
      async sell({ input, publish, start: begin }) {
        publish('sold', input);
        await begin(selling, input);
      },
      pay: external({ before: () => null, do: hang, after: () => {} }),
    },
    sagas: [selling],
  });
  const lines: unknown[] = [];
  const observe = {
    ...silent,
    log: (_: string, message: string, more = {}) => void (/took over|taken over/.test(message) && lines.push(more)),
  };
  // What outlives the processes: the database, and a bus that is away at first.
  const database = memory().open('shop', runtime());
  const store = { open: async (): Promise<Store> => ({ ...(await database), close: async () => {} }) };
  const bus = memoryBus();
  const away = {
    open: async (machine: Parameters<typeof bus.open>[0]) => ({
      ...(await bus.open(machine)),
      publish: () => Promise.reject(new Error('away')),
    }),
  };
  const system = fleet({ services: [one] });

  const first = await start(system, { store, bus: away, logLevel: 'silent', shutdown: { drain: '10ms' } });
  await first.call(shop.sell, { id: 'a' });
  await first.call(shop.sell, { id: 'b' });
  void first.call(shop.pay, { id: 'a' }).catch(() => {});
  while (Number((await (await database).read.all('select count(*) as n from sw_intent'))[0]?.['n']) === 0)
    await new Promise((resolve) => setImmediate(resolve));
  await first.stop();

  hanging = false;
  const second = await start(system, { store, bus, runtime: runtime({ observe }) });
  assert.deepEqual(lines, [{ service: 'shop', sagas: 2, intents: 1, events: 2 }]);
  const open =
    "select (select count(*) from sw_intent) + (select count(*) from sw_outbox) + (select count(*) from sw_saga where state = 'running') as n";
  while (Number((await (await database).read.all(open))[0]?.['n']) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await second.stop();
  lines.length = 0;
  const third = await start(system, { store, bus, runtime: runtime({ observe }) });
  await third.stop();
  assert.deepEqual(lines, []);
});
