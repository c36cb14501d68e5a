import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sqlite } from '../store/drivers/sqlite.ts';
import { readerBy } from '../store/read-by.ts';
import type { Store } from '../store/store.ts';
import { worker } from '../store/worker.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { listSagas } from './list.ts';
import { stuckSagas } from './verdict.ts';
import { openWorld, orphansOf, trip } from './world.fixture.ts';

/** A store whose reads are noted, and the plans by which it runs them. */
function watched(store: Store): {
  readonly view: Store;
  readonly plans: () => Promise<readonly { readonly sql: string; readonly steps: readonly string[] }[]>;
} {
  const asked = new Set<string>();
  const sqlRead = readerBy((sql, values) => {
    asked.add(sql);
    return store.sqlRead.all(sql, ...values);
  });
  async function planOf(sql: string): Promise<{ readonly sql: string; readonly steps: readonly string[] }> {
    const marks = sql.split('?').length - 1;
    const rows = await store.read.all(`explain query plan ${sql}`, ...new Array<number>(marks).fill(1));
    return { sql, steps: rows.map(({ detail }) => String(detail)) };
  }
  return { view: { ...store, sqlRead }, plans: () => Promise.all([...asked].map(planOf)) };
}

test('no query of an engine or of a list scans the sagas that have ended', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const world = await openWorld(sqlite({ dir }), virtualClock(), seededRandom(1));
  const { view, plans } = watched(world.store);
  const { engine, worker } = await world.process([trip], view);
  await world.start(engine);
  await world.until('done');
  await world.clock.advance(3000);
  await stuckSagas(view.sqlRead);
  await listSagas(view.sqlRead);
  await engine.close();
  await worker.close();

  const all = await plans();
  assert.ok(all.length > 5);
  for (const { sql, steps } of all) {
    // The stuck ones are few, and wait for people: sorting them costs nothing beside an index on a column that changes with each step.
    const wrong = /state = 'stuck' order by/.test(sql) ? /^SCAN sw_saga$/ : /^SCAN sw_saga$|USE TEMP B-TREE/;
    for (const step of steps) assert.doesNotMatch(step, wrong, sql.replaceAll(/\s+/g, ' '));
  }
  await world.store.close();
});

test('a takeover finds orphans by the index of their owner, in its order, however many instances are active', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const world = await openWorld(sqlite({ dir }), virtualClock(), seededRandom(1));
  await world.start((await world.process([trip])).engine);
  await world.until('done');
  await world.store.transaction((tx) => tx.run("update sw_saga set state = 'running', owner = 'dead'"));
  const { view, plans } = watched(world.store);
  const own = await worker(view, world.runtime);
  const free = orphansOf(world, view, own, trip);
  assert.equal((await free.take(10)).length, 1);
  const steps = (await plans()).flatMap((plan) => plan.steps).filter((step) => /sw_saga|TEMP B-TREE/.test(step));
  assert.ok(steps.length >= 3, steps.join('; '));
  for (const step of steps) assert.match(step, /^SEARCH sw_saga USING (COVERING )?INDEX sw_saga_live/);
  await own.close();
  await world.store.close();
});
