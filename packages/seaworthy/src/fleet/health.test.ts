import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import type { BusDriver } from '../bus/bus.ts';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { command, contract } from '../contract/contract.ts';
import { systemClock } from '../core/clock.ts';
import { type Condition, well } from '../core/condition.ts';
import { runtime } from '../core/runtime.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { service } from '../service/service.ts';
import { memory } from '../store/drivers/memory.ts';
import { StoreUnusable } from '../store/errors.ts';
import type { StoreDriver } from '../store/store.ts';
import { seededFaults } from '../testing/faults.ts';
import { faultyBus } from '../testing/faulty-bus.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { fleet } from './fleet.ts';
import type { StartOptions } from './options.ts';
import { start } from './start.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-health-'));
after(() => rmSync(root, { recursive: true, force: true }));

const desk = contract('desk', { ask: command({ http: 'POST /ask', input: z.object({}) }) });
const shelf = contract('shelf', { put: command({ http: 'POST /put', input: z.object({}) }) });
const system = fleet({
  services: [service(desk, { handlers: { ask() {} } }), service(shelf, { handlers: { put() {} } })],
  gateway: gateway({ routes: [route('POST /ask', desk.ask)] }),
});

/** What each probe of the process, and of one service on its own port, answers. */
async function open(options: StartOptions) {
  const running = await start(system, { dir: join(root, 'unused'), listen: { services: true }, logLevel: 'silent', ...options });
  const asked = async (url: string): Promise<readonly [number, { code?: string; detail?: string }]> => {
    const answer = await fetch(url);
    return [answer.status, (await answer.json()) as { code?: string; detail?: string }];
  };
  const probe = async (path: string, of: string | undefined = running.url): Promise<string> => {
    const [status, { code, detail }] = await asked(`${of}/health/${path}`);
    return status === 200 ? 'ok' : `${status} ${code}: ${detail}`;
  };
  return { running, probe, desk: running.urls['desk'] as string, shelf: running.urls['shelf'] as string };
}

/** Makes a port report the condition that a test sets. */
const stores = (of: string, condition: () => Condition): StoreDriver => {
  const driver = memory();
  return {
    async open(name, runtime) {
      const store = await driver.open(name, runtime);
      return name === of ? { ...store, condition } : store;
    },
  };
};
const buses = (condition: () => Condition): BusDriver => {
  const driver = memoryBus();
  return { open: async (runtime) => ({ ...(await driver.open(runtime)), condition }) };
};

for (const faulty of [false, true])
  test(`a failing store makes its service and the process unready, and no other service; a broken one ends the process${faulty ? ' (through faulty ports)' : ''}`, async () => {
    let condition: Condition = well;
    const faults = seededFaults({ seed: 1, rates: {} });
    faults.calm();
    const store = stores('desk', () => condition);
    const { running, probe, desk, shelf } = await open({
      store: faulty ? (faultyStore(store, faults) as StoreDriver) : store,
      bus: memoryBus(),
    });
    const all = async (): Promise<readonly string[]> =>
      Promise.all([
        probe('ready'),
        probe('live'),
        probe('ready/desk'),
        probe('ready/shelf'),
        probe('ready', desk),
        probe('live', desk),
        probe('live', shelf),
      ]);
    assert.deepEqual(new Set(await all()), new Set(['ok']));

    condition = { state: 'failing', why: 'its disk is full' };
    const unready = '503 SW_SERVICE_UNREADY: failing: store (its disk is full)';
    assert.deepEqual(await all(), [
      '503 SW_SERVICE_UNREADY: failing: desk (store (its disk is full))',
      'ok',
      unready,
      'ok',
      unready,
      'ok',
      'ok',
    ]);

    condition = { state: 'broken', why: 'its disk refused the log' };
    assert.equal(await probe('live'), '503 SW_SERVICE_BROKEN: the process must be restarted: desk (store (its disk refused the log))');
    assert.equal(await probe('live', desk), '503 SW_SERVICE_BROKEN: the process must be restarted: store (its disk refused the log)');
    assert.equal(await probe('live', shelf), 'ok');

    condition = well;
    assert.deepEqual(new Set(await all()), new Set(['ok']));
    await running.stop();
  });

for (const faulty of [false, true])
  test(`a failing bus makes the process unready, and a broken one ends it${faulty ? ' (through faulty ports)' : ''}`, async () => {
    let condition: Condition = well;
    const faults = seededFaults({ seed: 1, rates: {} });
    faults.calm();
    const bus = buses(() => condition);
    const { running, probe } = await open({ store: memory(), bus: faulty ? faultyBus(bus, faults) : bus });
    condition = { state: 'failing' };
    assert.equal(await probe('ready/desk'), '503 SW_SERVICE_UNREADY: failing: bus');
    assert.equal(await probe('live'), 'ok');
    condition = { state: 'broken' };
    assert.equal(await probe('live'), '503 SW_SERVICE_BROKEN: the process must be restarted: desk (bus), shelf (bus)');
    await running.stop();
  });

test('a process is unready while its heartbeat cannot be written', async () => {
  let refuses = false;
  let passed = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + passed };
  const driver = memory();
  const store: StoreDriver = {
    async open(name, runtime) {
      const opened = await driver.open(name, runtime);
      const transaction: typeof opened.transaction = async (...given) => {
        if (refuses && name === 'desk') throw new Error('refused');
        return opened.transaction(...given);
      };
      return { ...opened, transaction };
    },
  };
  const { running, probe } = await open({ store, bus: memoryBus(), runtime: runtime({ clock }) });
  const until = async (answer: string): Promise<void> => {
    while ((await probe('ready/desk')) !== answer) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  refuses = true;
  passed = 5000;
  await until('503 SW_SERVICE_UNREADY: failing: heartbeat (its heartbeat is older than 3s)');
  assert.equal(await probe('live'), 'ok');
  refuses = false;
  await until('ok');
  await running.stop();
});

test('the process is not live within a heartbeat after the file of the bus was removed', {
  skip: process.platform === 'win32',
}, async () => {
  const dir = join(root, 'removed');
  const { running, probe } = await open({ dir });
  rmSync(join(dir, 'bus.db'));
  while ((await probe('live')) === 'ok') await new Promise((resolve) => setTimeout(resolve, 20));
  assert.match(await probe('live'), /SW_SERVICE_BROKEN.*desk \(bus \(its files were removed or replaced/);
  assert.match(await probe('ready'), /SW_SERVICE_UNREADY.*bus/);
  await running.stop().catch(() => {});
});

test('a stop with a database that is gone rejects, and still closes everything else', {
  skip: process.platform === 'win32',
}, async () => {
  const dir = join(root, 'gone');
  const { running, probe } = await open({ dir });
  rmSync(join(dir, 'desk.db-wal'));
  while ((await probe('live')) === 'ok') await new Promise((resolve) => setTimeout(resolve, 20));
  await assert.rejects(running.stop(), StoreUnusable);
  await (await open({ dir })).running.stop();
});
