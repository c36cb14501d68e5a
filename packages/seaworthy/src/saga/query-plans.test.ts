import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sqlite } from '../store/drivers/sqlite.ts';
import { readerBy } from '../store/read-by.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { listSagas } from './list.ts';
import { stuckSagas } from './verdict.ts';
import { trip, world } from './world.fixture.ts';

test('no query of an engine or of a list scans the sagas that have ended', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const sea = await world(sqlite({ dir }), virtualClock(), seededRandom(1));
  const asked = new Set<string>();
  const watched = (store: Store): Store => ({
    ...store,
    sqlRead: readerBy((sql, values) => {
      asked.add(sql);
      return store.sqlRead.all(sql, ...values);
    }),
  });
  const view = watched(sea.store);
  const { engine, worker } = await sea.process([trip], view);
  await sea.start(engine);
  await sea.until('done');
  await sea.clock.advance(3000);
  await stuckSagas(view.sqlRead);
  await listSagas(view.sqlRead);
  await engine.close();
  await worker.close();

  const plans = await Promise.all(
    [...asked].map(async (sql) => {
      const marks = sql.split('?').length - 1;
      const rows = await sea.store.read.all(`explain query plan ${sql}`, ...new Array<number>(marks).fill(1));
      return { sql, steps: rows.map(({ detail }) => String(detail)) };
    }),
  );
  assert.ok(plans.length > 5);
  for (const { sql, steps } of plans)
    for (const step of steps) assert.ok(!/^SCAN sw_saga$|USE TEMP B-TREE/.test(step), `${sql.replaceAll(/\s+/g, ' ')}: ${step}`);
  await sea.store.close();
});
