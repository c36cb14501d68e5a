import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Failure } from '../client/call.ts';
import { Crashed, fuse, mortalStore } from '../outbox/conformance/mortal.ts';
import { memory } from '../store/drivers/memory.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { stores, trip, type World, world } from './conformance/world.ts';
import type { SagaEngine } from './engine.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
after(() => rmSync(root, { recursive: true, force: true }));
const drivers = stores(root);
const named = (title: string, body: (sea: World) => Promise<void>): void => {
  for (const [store, driver] of drivers)
    test(`${title} (${store})`, async () => body(await world(driver(), virtualClock(), seededRandom(1))));
};

named('G7: another worker takes over what a dead one left, and a stalled one writes nothing any more', async (sea) => {
  let resume: (value: unknown) => void = () => {};
  sea.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise((resolve) => (resume = resolve)) : undefined) };
  const first = await sea.process([trip]);
  await sea.start(first.engine);
  await sea.when('it pays', () => sea.callee.log.length === 2);
  // Its heart stops, but it does not know: its row goes, as if it had not beaten for long.
  await sea.store.transaction((tx) => tx.run('delete from sw_worker where id = ?', first.worker.id));
  await sea.process([trip]);
  await sea.until('done');
  const after = await sea.instance();
  resume(undefined);
  await sea.clock.advance(3000);
  assert.deepEqual(await sea.instance(), after);
  assert.deepEqual(sea.callee.log, ['book t', 'pay t', 'pay t']);
});

named('G7: a fence on every write: who was taken over cannot write what it still learns', async (sea) => {
  const resume: ((value: unknown) => void)[] = [];
  sea.callee.answers = { pay: () => new Promise((resolve) => resume.push(resolve)) };
  const first = await sea.process([trip]);
  await sea.start(first.engine);
  await sea.when('it pays', () => resume.length === 1);
  await sea.store.transaction((tx) => tx.run('delete from sw_worker where id = ?', first.worker.id));
  await sea.process([trip]);
  await sea.when('it pays', () => resume.length === 2);
  resume[0]?.(undefined);
  for (let round = 0; round < 50; round++) await sea.clock.advance(1);
  assert.deepEqual((await sea.instance()).journal.at(-1), { step: 'pay', state: 'intended' });
  resume[1]?.(undefined);
  await sea.until('done');
});

named('G13: a close cuts the running step without a failure; the next start goes on with it', async (sea) => {
  sea.callee.answers = { pay: (attempt) => (attempt === 1 ? new Promise(() => {}) : undefined) };
  const first = await sea.process([trip]);
  await sea.start(first.engine);
  await sea.when('it pays', () => sea.callee.log.length === 2);
  await first.engine.close(AbortSignal.abort(new Error('down')));
  await first.worker.close();
  assert.deepEqual([(await sea.instance()).state, (await sea.instance()).attempts], ['running', 0]);
  await sea.process([trip]);
  await sea.until('done');
});

/** A process dies at its `steps`th statement or commit; another one carries on. What must hold then. */
async function dieAt(steps: number, broke: boolean): Promise<boolean> {
  const clock = virtualClock();
  const sea = await world(memory(), clock, seededRandom(steps));
  sea.callee.answers = broke
    ? {
        pay: () => {
          throw new Failure('Broke', undefined);
        },
      }
    : {};
  const life = fuse(steps);
  const mortal = mortalStore(sea.store, life);
  const started = (async () => {
    const { engine } = await sea.process([trip], mortal);
    let collected: ReturnType<SagaEngine['collect']> | undefined;
    await mortal.transaction(async (tx) => {
      collected = engine.collect(tx);
      collected.start(trip, { id: 't' });
      await collected.write(tx);
    });
    collected?.committed();
    for (let round = 0; round < 100 && !life.blown && !(await sea.instance()).state.startsWith(broke ? 'undone' : 'done'); round++)
      await sea.clock.advance(10);
  })().catch((error: unknown) => {
    if (!(error instanceof Crashed)) throw error;
  });
  await clock.run(started);
  await sea.process([trip]);
  const rows = await sea.store.read.all('select 1 from sw_saga');
  if (rows.length === 0) {
    assert.deepEqual(sea.callee.log, [], 'what was never committed has no effect');
    return life.blown;
  }
  const { journal } = await sea.until(broke ? 'undone' : 'done');
  // The callee does each key once (G9), so what counts is which keys it has seen, and in which order first.
  const keys = [...new Set(sea.callee.options.map(({ key }) => key?.split('.').slice(1).join('.')))];
  assert.deepEqual(keys, broke ? ['book#1', 'pay#1', 'book.undo#1'] : ['book#1', 'pay#1']);
  assert.equal(await sea.note(), broke ? 'declared/Broke' : 'seat 7');
  assert.equal((await sea.store.read.all('select 1 from sw_outbox')).length, broke ? 0 : 1);
  assert.equal(journal.length, broke ? 3 : 4);
  return life.blown;
}

for (const broke of [false, true]) {
  test(`G2, G6, G7: a crash between any two statements of a saga that is ${broke ? 'undone' : 'done'}`, async () => {
    let steps = 1;
    while (await dieAt(steps, broke)) steps++;
    assert.ok(steps > 15, `it died at ${steps} places`);
  });
}
