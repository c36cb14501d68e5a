import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { BusDriver } from '../bus/bus.ts';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { TopologyMissing } from '../bus/errors.ts';
import { contract, event } from '../contract/contract.ts';
import { service } from '../service/service.ts';
import { memory } from '../store/drivers/memory.ts';
import { fleet } from './fleet.ts';
import { start } from './start.ts';

const orders = contract('orders', { placed: event({ key: 'order', data: z.object({ order: z.string() }) }) });
const mails = contract('mails', {});
const both = fleet({
  services: [service(orders, { handlers: {} }), service(mails, { handlers: {}, on: (on) => [on(orders.placed, () => {})] })],
});
const needed = { topics: ['orders'], groups: [{ topic: 'orders', group: 'mails' }] };

/** The driver, and the calls that a fleet makes to its bus, in their order. */
function watched(driver: BusDriver): { readonly driver: BusDriver; readonly calls: (readonly [string, unknown])[] } {
  const calls: (readonly [string, unknown])[] = [];
  return {
    calls,
    driver: {
      async open(runtime) {
        const bus = await driver.open(runtime);
        return {
          ...bus,
          apply(topology) {
            calls.push(['apply', topology]);
            return bus.apply(topology);
          },
          verify(topology) {
            calls.push(['verify', topology]);
            return bus.verify(topology);
          },
          subscribe(options) {
            calls.push(['subscribe', options.topic]);
            return bus.subscribe(options);
          },
        };
      },
    },
  };
}

test('the topics and groups of all services are applied before any of them subscribes or publishes', async () => {
  const { driver, calls } = watched(memoryBus({ keeps: 'queues' }));
  const running = await start(both, { store: memory(), bus: driver, logLevel: 'silent' });
  await running.stop();
  assert.deepEqual(calls, [
    ['apply', needed],
    ['subscribe', 'orders'],
  ]);
});

test('a start that only verifies is refused where a group is missing, and changes nothing', async () => {
  const driver = memoryBus();
  const options = { store: memory(), bus: driver, logLevel: 'silent', topology: 'verify' } as const;
  const refused = (error: unknown): boolean => error instanceof TopologyMissing && /register the group mails on orders/.test(error.message);
  for (let attempt = 0; attempt < 2; attempt++) await assert.rejects(start(both, options), refused);
  const applied = await start(both, { ...options, topology: 'apply' });
  await applied.stop();
  const running = await start(both, options);
  await running.stop();
});

test('a start that trusts asks the bus for nothing', async () => {
  const { driver, calls } = watched(memoryBus());
  const running = await start(both, { store: memory(), bus: driver, logLevel: 'silent', topology: 'trust' });
  await running.stop();
  assert.deepEqual(calls, [['subscribe', 'orders']]);
});
