import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { command, contract } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { service } from '../service/service.ts';
import { memory } from '../store/drivers/memory.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import { StoreTaken } from '../store/errors.ts';
import type { Store, StoreDriver } from '../store/store.ts';
import { FleetInvalid, fleet } from './fleet.ts';
import { start } from './start.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-names-'));
after(() => rmSync(root, { recursive: true, force: true }));

const named = (name: string, store?: StoreDriver, migration = `${name}/1`) =>
  service(contract(name, { ask: command({ http: 'POST /ask', input: z.object({}) }) }), {
    ...(store && { store }),
    handlers: { ask() {} },
    migrations: [{ name: migration, statements: [`create table ${name}_note (id text)`] }],
  });

for (const name of ['bus', 'gateway', 'con', 'aux', 'nul', 'com1', 'lpt9', 'a'.repeat(250)])
  test(`no service of a fleet may have the name ${name.slice(0, 20)}`, () => {
    assert.throws(
      () => fleet({ services: [named(name)] }),
      (error: unknown) => error instanceof FleetInvalid && error.message.includes(`a service named ${name}, which`),
    );
  });

test('a service and its migrations may have the name of a module of the toolkit', async () => {
  const names = ['outbox', 'inbox', 'saga', 'worker', 'seaworthy', 'console', 'com10'];
  const dir = join(root, 'parts');
  const running = await start(fleet({ services: names.map((name) => named(name)) }), { dir, logLevel: 'silent' });
  await running.stop();
  assert.deepEqual(
    names.filter((name) => !existsSync(join(dir, `${name}.db`))),
    [],
  );
});

/** A driver that gives the same database to every service. */
const shared = (): StoreDriver => {
  let opened: Promise<Store> | undefined;
  return {
    async open(name, runtime) {
      opened ??= memory().open(name, runtime);
      return { ...(await opened), close: async () => {} };
    },
  };
};

for (const [kind, store] of [
  ['file', sqlite({ file: join(root, 'all.db') })],
  ['store in memory', shared()],
] as const)
  test(`the second of two services with one ${kind} is refused by name, and writes nothing`, async () => {
    const options = { bus: memoryBus(), logLevel: 'silent', dir: root } as const;
    await assert.rejects(
      start(fleet({ services: [named('orders', store), named('stock', store)] }), options),
      (error: unknown) => error instanceof StoreTaken && /given to the service stock is that of the service orders/.test(error.message),
    );
    const running = await start(fleet({ services: [named('orders', store)] }), options);
    await running.stop();
    const opened = await store.open('orders', runtime());
    assert.deepEqual(await opened.read.all("select name from sqlite_schema where name = 'stock_note'"), []);
    await opened.close();
  });

test('a service does not open the database of the bus, nor the bus that of a service', async () => {
  const dir = join(root, 'bus');
  const desk = named('desk', sqlite({ file: join(dir, 'bus.db') }));
  await assert.rejects(start(fleet({ services: [desk] }), { dir, logLevel: 'silent' }), StoreTaken);

  const other = join(root, 'other');
  const running = await start(fleet({ services: [named('desk')] }), { dir: other, bus: memoryBus(), logLevel: 'silent' });
  await running.stop();
  renameSync(join(other, 'desk.db'), join(other, 'bus.db'));
  await assert.rejects(start(fleet({ services: [named('desk')] }), { dir: other, logLevel: 'silent' }), StoreTaken);
});
