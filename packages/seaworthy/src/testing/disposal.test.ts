import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { embedded } from '../bus/drivers/embedded.ts';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { BusClosed } from '../bus/errors.ts';
import { caller } from '../client/caller.ts';
import { Unreachable } from '../client/errors.ts';
import type { Transport } from '../client/transport.ts';
import { http } from '../client/transports/http.ts';
import { local } from '../client/transports/local.ts';
import { contract, query } from '../contract/contract.ts';
import { disposable } from '../core/disposable.ts';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { fleet } from '../fleet/fleet.ts';
import { launch } from '../fleet/launch.ts';
import { start } from '../fleet/start.ts';
import { consumer } from '../outbox/consumer.ts';
import { relay } from '../outbox/relay.ts';
import { outboxMigrations } from '../outbox/tables.ts';
import { breaker } from '../resilience/breaker.ts';
import { bulkhead } from '../resilience/bulkhead.ts';
import { policyOn } from '../resilience/policy.ts';
import { service } from '../service/service.ts';
import { memory } from '../store/drivers/memory.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import { StoreClosed } from '../store/errors.ts';
import { worker, workerMigrations } from '../store/worker.ts';
import { seededFaults } from './faults.ts';
import { faultyBus } from './faulty-bus.ts';
import { faultyStore } from './faulty-store.ts';
import { faultyTransport } from './faulty-transport.ts';

const dir = mkdtempSync(join(tmpdir(), 'seaworthy-disposal-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const machine = runtime();
const faults = seededFaults({ seed: 1, rates: {} });
const desk = contract('desk', { ask: query({ http: 'GET /ask', input: z.object({}), output: z.object({}) }) });
const one = fleet({ services: [service(desk, { handlers: { ask: () => ({}) } })] });

// The syntax is `await using`, which the oldest Node that is supported does not have.
const dispose = (value: AsyncDisposable): PromiseLike<void> => value[Symbol.asyncDispose]();

test('a store that is disposed of is closed', async () => {
  for (const driver of [sqlite({ dir }), memory(), faultyStore(memory(), faults)]) {
    const store = await driver.open('desk', machine);
    await dispose(store);
    await assert.rejects(
      store.transaction(async () => {}),
      StoreClosed,
    );
  }
});

test('a bus that is disposed of is closed', async () => {
  for (const driver of [embedded({ dir }), memoryBus(), faultyBus(memoryBus(), faults)]) {
    const bus = await driver.open(machine);
    await dispose(bus);
    await assert.rejects(bus.subscribe({ topic: 'desk', group: 'desk', handle: async () => {} }), BusClosed);
  }
});

test('a transport or a caller that is disposed of is closed', async () => {
  const endpoint = { handle: async () => ({ kind: 'output', output: {} }) as const };
  const near = (): Transport & AsyncDisposable => local('desk', () => endpoint);
  for (const transport of [near(), http('http://127.0.0.1:1'), faultyTransport(near(), faults, machine)]) {
    await dispose(transport);
    const call = caller({
      runtime: machine,
      transportOf: () => transport,
      policyOf: () => policyOn(machine),
      guardOf: () => policyOn(machine),
    });
    await assert.rejects(call(desk.ask, {}), Unreachable);
  }
  const call = caller({ runtime: machine, transportOf: near });
  assert.deepEqual(await call(desk.ask, {}), {});
  await dispose(call);
  await assert.rejects(call(desk.ask, {}), Unreachable);
});

test('a worker, a relay and a consumer that are disposed of are closed', async () => {
  const store = await memory().open('desk', machine);
  await store.migrate([...workerMigrations, ...outboxMigrations]);
  const bus = await memoryBus().open(machine);
  const own = await worker(store, machine);
  const parts = { store, bus, runtime: machine, worker: own, service: 'desk' };
  for (const part of [relay(parts), await consumer({ ...parts, subscriptions: [] }), own]) {
    const { close } = part;
    let closed = 0;
    part.close = () => {
      closed++;
      return close.call(part);
    };
    await dispose(part);
    assert.equal(closed, 1);
  }
  assert.deepEqual(await store.read.all('select id from sw_worker'), []);
  await bus.close();
  await store.close();
});

test('a fleet that is disposed of is stopped, and what was launched with it goes down', async () => {
  const options = { dir: join(dir, 'fleet'), logLevel: 'silent' } as const;
  const running = await start(one, options);
  await dispose(running);
  await assert.rejects(running.call(desk.ask, {}), Unreachable);
  let down = 0;
  await dispose(await launch({ fleet: one, after: () => down++ }, options));
  assert.equal(down, 1);
});

test('a policy, a breaker and a bulkhead that are disposed of leave the gauges', () => {
  let gauges = 0;
  const gauge = () => {
    gauges++;
    return () => void gauges--;
  };
  const observe = { ...silent, gauge };
  const watched = runtime({ observe });
  for (const make of [
    () => breaker({ name: 'a', runtime: watched }),
    () => {
      const own = bulkhead({ name: 'a', limit: 1 });
      own.attach(watched);
      return own;
    },
    () => policyOn(watched, breaker({ name: 'a' }), bulkhead({ name: 'b', limit: 1 })),
  ]) {
    const value: Disposable = make();
    assert.ok(gauges > 0);
    value[Symbol.dispose]();
    assert.equal(gauges, 0);
  }
});

test('a copy with a `close` of its own is closed by that one', async () => {
  const closed: string[] = [];
  const made = disposable({ close: async () => void closed.push('first') });
  await dispose({ ...made, close: async () => void closed.push('copy') } as typeof made);
  await dispose(made);
  assert.deepEqual(closed, ['copy', 'first']);
});
