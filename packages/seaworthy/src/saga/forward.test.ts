import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CallFailed } from '../client/errors.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import type { Cause } from './cause.ts';
import { Ref, remote, stores, trip, trips, type World, world } from './conformance/world.ts';
import { saga } from './saga.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
after(() => rmSync(root, { recursive: true, force: true }));
const drivers = stores(root);
const named = (title: string, body: (sea: World) => Promise<void>): void => {
  for (const [store, driver] of drivers)
    test(`${title} (${store})`, async () => body(await world(driver(), virtualClock(), seededRandom(1))));
};

named('runs its steps in order, each with the results before it, and publishes with its last transaction', async (sea) => {
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  const { journal } = await sea.until('done');
  assert.deepEqual(sea.callee.log, ['book t', 'pay t']);
  assert.equal(await sea.note(), 'seat 7');
  assert.equal((await sea.store.read.all('select 1 from sw_outbox')).length, 1);
  assert.deepEqual(
    journal.map(({ step, state }) => `${step} ${state}`),
    ['note done', 'book done', 'pay done', 'finish done'],
  );
});

named('G1: what the handler rolls back, it never started', async (sea) => {
  const { engine } = await sea.process([trip]);
  const work = sea.store.transaction(async (tx) => {
    const started = engine.collect(tx);
    started.start(trip, { id: 't' });
    await started.write(tx);
    throw new Error('no');
  });
  await assert.rejects(work, /no/);
  assert.deepEqual(await sea.store.read.all('select 1 from sw_saga'), []);
  assert.deepEqual(await sea.store.read.all('select 1 from note'), []);
});

named('the same key again is the same instance', async (sea) => {
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.until('done');
  await sea.start(engine);
  await sea.clock.advance(5000);
  assert.equal((await sea.store.read.all('select 1 from sw_saga')).length, 1);
  assert.deepEqual(sea.callee.log, ['book t', 'pay t']);
});

named('G6: the intent is written before the effect', async (sea) => {
  let seen: unknown;
  sea.callee.answers = {
    pay: async () => {
      seen = (await sea.instance()).journal.at(-1);
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.until('done');
  assert.deepEqual(seen, { step: 'pay', state: 'intended' });
});

named('a hanging step is cut at its timeout, and counts as unknown', async (sea) => {
  sea.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined) };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  await sea.until('done');
  assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'pay t']);
});

named('G6: an open breaker and a call in progress postpone a step, and are no attempts', async (sea) => {
  sea.callee.answers = {
    pay: (attempt) => {
      if (attempt < 6) throw new BreakerOpen('open', { retryAfterMs: 3000 });
      if (attempt < 9)
        throw new CallFailed('remote.pay', { type: 'about:blank', title: 'Conflict', status: 409, code: 'SW_IDEMPOTENCY_IN_PROGRESS' });
    },
  };
  const { engine } = await sea.process([trip]);
  await sea.start(engine);
  assert.equal((await sea.until('done')).attempts, 0);
  assert.equal(sea.callee.log.length, 10);
});

named('a failing local step takes nothing of the step before it along, is tried again, and then undone without itself', async (sea) => {
  let runs = 0;
  const bad = saga(trips, 'bad', { input: Ref, uses: [remote] })
    .step('book', { do: ({ call, input }) => call(remote.book, input), undo: ({ call, input }) => call(remote.unbook, input) })
    .local('finish', {
      do: () => {
        runs++;
        throw new Error('never');
      },
    });
  const { engine } = await sea.process([bad]);
  await sea.run(engine, ({ start }) => start(bad, { id: 'b' }));
  const { cause } = await sea.until('undone');
  assert.deepEqual(sea.callee.log, ['book b', 'unbook b']);
  assert.equal(runs >= 3, true);
  assert.deepEqual(cause, { kind: 'failed', step: 'finish', message: 'never' } satisfies Omit<Cause & { kind: 'failed' }, 'code'>);
});

named('a result that is no JSON is refused by name, and its step undone', async (sea) => {
  const odd = saga(trips, 'odd', { input: Ref, uses: [remote] }).step('count', {
    retry: { attempts: 1 },
    do: () => 1n as unknown,
    undo: ({ call, input }) => call(remote.unbook, input),
  });
  const { engine } = await sea.process([odd]);
  await sea.run(engine, ({ start }) => start(odd, { id: 'o' }));
  const { cause } = await sea.until('undone');
  assert.match(JSON.stringify(cause), /the result of the step count is no JSON/);
});
