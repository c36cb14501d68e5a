// Each driver with one mistake, and the case of the suite that refuses it.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BusDriver } from 'seaworthy/bus';
import { conformance as busConformance, type Case } from 'seaworthy/bus/conformance';
import { transportConformance } from 'seaworthy/client/conformance';
import type { StoreDriver } from 'seaworthy/store';
import { conformance as storeConformance } from 'seaworthy/store/conformance';
import { queues } from './bus.ts';
import { connect } from './connect.ts';
import { files } from './store.ts';

function refuses(cases: readonly Case[], name: string): Promise<void> {
  const found = cases.find((one) => one.name === name);
  assert.ok(found, `the suite has no case ${name}`);
  return assert.rejects(found.run(), assert.AssertionError);
}

test('a store whose savepoints undo nothing is refused', async () => {
  const careless = (dir: string): StoreDriver => ({
    async open(service, runtime) {
      const store = await files(dir).open(service, runtime);
      return {
        ...store,
        transaction: (work, options) =>
          store.transaction((tx) => work({ ...tx, level: tx.level, savepoint: (inside) => inside() }), options),
      };
    },
  });
  const fresh = async () => {
    const dir = await mkdtemp(join(tmpdir(), 'careless-'));
    return { driver: careless(dir), end: () => rm(dir, { recursive: true }) };
  };
  await refuses(storeConformance(fresh), 'a savepoint undoes only what was done inside it');
});

test('a bus that acknowledges an event before it was handled is refused', async () => {
  const hasty = (driver: BusDriver): BusDriver => ({
    async open(runtime) {
      const bus = await driver.open(runtime);
      return {
        ...bus,
        subscribe: ({ handle, ...options }) =>
          bus.subscribe({ ...options, handle: async (...given) => void handle(...given).catch(() => {}) }),
      };
    },
  });
  const cases = busConformance(() => ({ driver: hasty(queues()) }));
  await refuses(cases, 'G3: while members join and leave under load, no event begins before every earlier one of its key has ended');
});

test('a transport that loses the idempotency key is refused', async () => {
  const cases = transportConformance(async (served) => {
    const { transport, stop } = await connect(served);
    return { stop, transport: { ...transport, send: ({ key: _, ...request }) => transport.send({ ...request, key: undefined }) } };
  });
  await refuses(cases, 'key, step to undo, number of the attempt and trace arrive unchanged, and are absent where none was sent');
});
