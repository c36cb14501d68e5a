import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { Ref, remote, stores, trip, trips, type World, world } from './conformance/world.ts';
import { saga } from './saga.ts';
import { SagaStranded } from './versions.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
after(() => rmSync(root, { recursive: true, force: true }));
const drivers = stores(root);
const named = (title: string, body: (sea: World) => Promise<void>): void => {
  for (const [store, driver] of drivers)
    test(`${title} (${store})`, async () => body(await world(driver(), virtualClock(), seededRandom(1))));
};

named('G8: a definition that cannot carry on live instances is refused by name; one that can is not', async (sea) => {
  sea.callee.answers = { pay: () => new Promise(() => {}) };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.when('it pays', () => sea.callee.log.length === 2);
  await engine.close(AbortSignal.abort(new Error('deploy')));
  const inserted = saga(trips, 'trip', { input: Ref, uses: [remote], key: ({ id }) => id })
    .step('first', { do: ({ call, input }) => call(remote.pay, input) })
    .step('book', { do: ({ call, input }) => call(remote.book, input) });
  const longer = trip.local('more', { do: () => {} });
  await assert.rejects(
    sea.process([inserted]),
    (error: unknown) => error instanceof SagaStranded && /trip t .*its step 1 was note and is first now/.test(error.message),
  );
  await assert.rejects(sea.process([]), /there is no such saga any more/);
  await sea.process([longer]);
});

named('G7: a running saga whose done step has lost its undo is refused', async (sea) => {
  sea.callee.answers = { pay: () => new Promise(() => {}) };
  const { engine, worker } = await sea.process([trip]);
  await sea.start(engine);
  await sea.when('it pays', () => sea.callee.log.length === 2);
  await engine.close(AbortSignal.abort(new Error('down')));
  await worker.close();
  const lost = saga(trips, 'trip', { input: Ref, uses: [remote], key: ({ id }) => id })
    .local('note', { do: () => {}, undo: () => {} })
    .step('book', { do: ({ call, input }) => call(remote.book, input) })
    .step('pay', { do: () => {}, undo: () => {} });
  await assert.rejects(sea.process([lost]), /trip t .*its step book can no longer be undone/);
});
