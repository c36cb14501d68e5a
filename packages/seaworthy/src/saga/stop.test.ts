import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { stores, trip, type World, world } from './conformance/world.ts';
import { markStopping } from './journal.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
after(() => rmSync(root, { recursive: true, force: true }));
const drivers = stores(root);
const named = (title: string, body: (sea: World) => Promise<void>): void => {
  for (const [store, driver] of drivers)
    test(`${title} (${store})`, async () => body(await world(driver(), virtualClock(), seededRandom(1))));
};

named('stop: the running step is cut, everything is undone, and its reason told', async (sea) => {
  sea.callee.answers = { pay: () => new Promise(() => {}) };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.when('it pays', () => sea.callee.log.length === 2);
  await sea.run(engine, ({ stop }) => stop(trip, 't', 'changed my mind'));
  await sea.until('undone');
  assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'repay t', 'unbook t/7']);
  assert.equal(await sea.note(), 'stopped/changed my mind');
});

named('stop: an ended saga is left alone', async (sea) => {
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.until('done');
  await sea.run(engine, ({ stop }) => stop(trip, 't', 'too late'));
  await sea.clock.advance(5000);
  assert.equal((await sea.instance()).state, 'done');
});

named('stop: decided by the database, also when the last step succeeds in the same moment', async (sea) => {
  let resume: (value: unknown) => void = () => {};
  sea.callee.answers = { pay: () => new Promise((resolve) => (resume = resolve)) };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.when('it pays', () => sea.callee.log.length === 2);
  // Another process wrote it: nobody has told this one.
  await sea.store.transaction((tx) => markStopping(tx, 'trip', 't', 'elsewhere'));
  resume(undefined);
  await sea.until('undone');
  assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'repay t', 'unbook t/7']);
  assert.equal(await sea.note(), 'stopped/elsewhere');
  assert.equal((await sea.store.read.all('select 1 from sw_outbox')).length, 0);
});
