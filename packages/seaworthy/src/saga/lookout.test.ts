import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtime } from '../core/runtime.ts';
import { memory } from '../store/drivers/memory.ts';
import { readerBy } from '../store/read-by.ts';
import type { Store } from '../store/store.ts';
import { worker, workerMigrations } from '../store/worker.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { census } from './census.ts';
import { deadlines } from './deadlines.ts';
import { lookout } from './lookout.ts';
import { orphans } from './orphans.ts';
import { type Summary, sagaMigrations } from './saga-store.ts';
import { sagaTopic } from './topics.ts';

/** A look-out on a database with so many waiting instances of its worker, the first one due at `from`, one millisecond apart. */
async function watching(count: number, from: number) {
  const time = virtualClock();
  let ahead = 0;
  const clock = { ...time, now: () => time.now() + ahead };
  const rt = runtime({ clock, random: seededRandom(1) });
  const store = (await memory().open('trips', rt)) as Store<unknown, unknown>;
  await time.run(store.migrate([...workerMigrations, ...sagaMigrations]));
  const own = await time.run(worker(store, rt));
  const insert = (key: string, rows: number, due: number, changed = 0): Promise<unknown> =>
    time.run(
      store.transaction((tx) =>
        store.sql(tx).run(
          `with recursive n (i) as (select 1 union all select i + 1 from n where i < ?)
            insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
            select ? || i, 'trip', ? || i, '', '{}', 'running', '[]', 0, ? + i, ?, 0, ? from n`,
          ...[rows, key, key, due, own.id, changed],
        ),
      ),
    );
  if (count > 0) await insert('a', count, time.now() + from);
  let pages = 0;
  const sqlRead = readerBy((sql, values) => {
    if (sql.includes('(due, id) >')) pages++;
    return store.sqlRead.all(sql, ...values);
  });
  const given = { store: { ...store, sqlRead }, runtime: rt, worker: own };
  const late = deadlines(given.store, rt, own);
  const found: Summary[] = [];
  let hasRoom = true;
  const look = lookout({
    ...given,
    deadlines: late,
    census: census(sqlRead, rt),
    orphans: orphans({ ...given, sagas: new Map(), deadlines: late }),
    isAside: () => false,
    takeUp(one) {
      found.push(one);
      if (!hasRoom) look.fallBehind();
    },
    interrupt: (one) => found.push(one),
  });
  return {
    ...{ found, store, insert, time },
    pages: () => pages,
    setRoom(room: boolean) {
      hasRoom = room;
    },
    setClock(ms: number) {
      ahead += ms;
    },
    async end() {
      await time.run(look.close());
      await time.run(own.close());
      await store.close();
    },
  };
}

test('instances that come due within a minute are taken up, a page at a time; those of later wait in the database alone', async () => {
  const one = await watching(1200, 120_000);
  await one.time.advance(59_000);
  assert.deepEqual([one.found.length, one.pages()], [0, 2]);
  await one.time.advance(35_000);
  assert.equal(new Set(one.found.map(({ id }) => id)).size, 1200);
  assert.deepEqual(
    one.found.slice(0, 3).map(({ id }) => id),
    ['a1', 'a2', 'a3'],
  );
  await one.end();
});

test('while memory has no room for all that are due, more are read, and again, until all have found room', async () => {
  const one = await watching(3000, 0);
  one.setRoom(false);
  await one.time.advance(0);
  // The first look reads one page, and learns that there is no room. It looks again at once, and then each second.
  assert.equal(one.pages(), 1 + 4);
  await one.time.advance(1000);
  assert.equal(one.pages(), 1 + 4 + 2);
  one.setRoom(true);
  await one.time.advance(4000);
  const before = one.pages();
  await one.time.advance(6000);
  assert.ok(one.pages() - before <= 7, 'a page at a time again');
  await one.end();
});

test('after the clock was set back, instances whose time lies too far ahead are taken up', async () => {
  const one = await watching(0, 0);
  await one.insert('b', 1, one.time.now() + 30_000, one.time.now());
  one.setClock(-3_600_000);
  await one.time.advance(11_000);
  assert.deepEqual(
    one.found.map(({ id }) => id),
    ['b1'],
  );
  await one.end();
});

test('an instance that is to be stopped, or was hurried, is found at the next notice', async () => {
  const one = await watching(2, 600_000);
  await one.time.advance(500);
  await one.time.run(
    one.store.transaction(async (tx) => {
      const sql = one.store.sql(tx);
      await sql.run("update sw_saga set stopping = '{}' where id = 'a1'");
      await sql.run("update sw_saga set due = 0 where id = 'a2'");
      sql.notify(sagaTopic);
    }),
  );
  await one.time.advance(0);
  assert.deepEqual(new Set(one.found.map(({ id }) => id)), new Set(['a1', 'a2']));
  await one.end();
});
