import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Observe, silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { virtualClock } from '../testing/clock.ts';
import { pausable } from '../testing/pausable-clock.fixture.ts';
import { memory } from './drivers/memory.ts';
import { readerBy } from './read-by.ts';
import type { Store, Tx, Value } from './store.ts';
import { type Worker, worker, workerMigrations } from './worker.ts';

const hour = 3_600_000;

/** A machine whose clock may be set, and which may sleep. */
async function machine() {
  const time = pausable(virtualClock());
  let ahead = 0;
  const clock = { ...time, now: () => time.now() + ahead };
  const store = await memory().open('bank', runtime({ clock }));
  await time.run(store.migrate(workerMigrations));
  const logged: string[] = [];
  const observe: Observe = { ...silent, log: (level, message) => void logged.push(`${level}: ${message}`) };
  return {
    store,
    logged,
    clock,
    run: time.run,
    advance: time.advance,
    set(ms: number) {
      ahead += ms;
    },
    /** All processes stand still; their timers go on afterwards. */
    sleep: time.pause,
    start: (on: Store = store) => time.run(worker(on, runtime({ clock, observe }))),
    /** A process on another machine, whose clock is so far ahead of the database's. */
    startElsewhere: (ms: number) => time.run(worker(store, runtime({ clock: { ...clock, now: () => clock.now() + ms }, observe }))),
    /** Its process is gone, without a word. */
    async crash() {
      const mute = { ...clock, after: () => ({ cancel: () => {} }) };
      return time.run(worker(store, runtime({ clock: mute })));
    },
    isDead: async (whose: Worker, to: Worker): Promise<boolean> => {
      const [any, one] = [to.dead(), to.isDead(whose.id)];
      const holds = async (sql: string, ...values: readonly Value[]) =>
        (await store.read.all(`select 1 from (select ? as owner) where ${sql}`, whose.id, ...values)).length > 0;
      const dead = await holds(any.sql, ...any.values);
      assert.equal(await holds(one.sql, ...one.values), dead);
      return dead;
    },
    async end(...all: readonly Worker[]) {
      for (const one of all) await time.run(one.close());
      await store.close();
    },
  };
}

/** Returns the database, which refuses the given number of transactions. */
function refusing(store: Store): Store & { times: number } {
  const faulty = {
    ...store,
    times: 0,
    async transaction<V>(...given: Parameters<Store['transaction']>) {
      if (faulty.times > 0) {
        faulty.times--;
        throw new Error('refused');
      }
      return store.transaction(...given) as Promise<V>;
    },
  };
  return faulty as Store & { times: number };
}

test('a heartbeat that fails once is retried at once', async () => {
  const one = await machine();
  const store = refusing(one.store);
  const living = await one.start(store);
  store.times = 1;
  await one.advance(1000);
  const [row] = await one.store.read.all('select until from sw_worker');
  assert.equal(row?.['until'], one.clock.now() + 3000);
  await one.end(living);
});

test('a heartbeat that fails for long is logged once, and its worker is failing until it is written again', async () => {
  const one = await machine();
  const store = refusing(one.store);
  const living = await one.start(store);
  store.times = Number.POSITIVE_INFINITY;
  await one.advance(2900);
  assert.equal(living.condition().state, 'well');
  await one.advance(200);
  assert.equal(living.condition().state, 'failing');
  assert.equal(one.logged.filter((line) => line.startsWith('error')).length, 1);
  store.times = 0;
  await one.advance(100);
  assert.equal(living.condition().state, 'well');
  await one.end(living);
});

test('a heartbeat is one statement, in the own lane, and need not be durable', async () => {
  const one = await machine();
  const given: string[] = [];
  const watched: Store = {
    ...one.store,
    transaction: (work, options) => {
      const observed = (tx: Tx): Tx => ({
        ...tx,
        run: (sql) => assert.fail(sql),
        runAtCommit(sql, ...values) {
          given.push(`${options?.lane} ${options?.isolation} ${options?.durable}: ${sql.slice(0, 21).trim()}`);
          return tx.runAtCommit(sql, ...values);
        },
      });
      return one.store.transaction((tx) => work(observed(tx)), options);
    },
  };
  const living = await one.start(watched);
  await one.advance(2000);
  assert.deepEqual(given, Array(3).fill('own read committed false: insert into sw_worker'));
  // The table is pruned by a second statement, once a minute after the first five minutes.
  await one.advance(598_000);
  assert.equal(given.filter((statement) => statement.includes('delete')).length, 6);
  await living.close();
});

test('a term ends when a heartbeat is missed, before others may take the worker for dead, and the next heartbeat begins another', async () => {
  const one = await machine();
  const store = refusing(one.store);
  const living = await one.start(store);
  const other = await one.start();
  const terms: (number | undefined)[] = [];
  const stop = living.onTerm(() => terms.push(living.term()));
  await one.advance(1000);
  assert.equal(living.term(), 1);
  store.times = Number.POSITIVE_INFINITY;
  while (living.term() !== undefined) await one.advance(50);
  assert.equal(await one.isDead(living, other), false);
  await one.advance(1000);
  assert.deepEqual([await one.isDead(living, other), living.term()], [true, undefined]);
  store.times = 0;
  await one.advance(100);
  assert.deepEqual([living.term(), terms], [2, [2]]);
  stop();
  one.sleep(5000);
  assert.equal(living.term(), undefined);
  await one.advance(1000);
  assert.deepEqual([living.term(), terms], [3, [2]]);
  // While the machine slept its monotonic clock stood still.
  one.set(5000);
  assert.equal(living.term(), undefined);
  await one.advance(1000);
  assert.equal(living.term(), 4);
  await one.end(living, other);
  assert.equal(living.term(), undefined);
});

test('a worker hears of another one that died once its heartbeat is too old, and of one that closed at once', async () => {
  const one = await machine();
  const [living, other] = [await one.start(), await one.start()];
  const gone: number[] = [];
  const stop = living.onGone(() => gone.push(one.clock.monotonic()));
  await one.advance(5000);
  assert.deepEqual(gone, []);
  const died = one.clock.monotonic();
  await one.crash();
  await one.advance(3000);
  assert.deepEqual(gone, []);
  await one.advance(50);
  assert.equal(gone.length, 1, `${gone}, ${died}`);
  await one.run(other.close());
  await one.advance(0);
  assert.equal(gone.length, 2);
  await one.advance(10_000);
  assert.equal(gone.length, 2);
  stop();
  await one.end(living);
});

test('a worker looks for dead ones no more often than they can die', async () => {
  const one = await machine();
  let looks = 0;
  const sqlRead = readerBy((sql, values) => {
    if (sql.includes('from sw_worker where id <>')) looks++;
    return one.store.sqlRead.all(sql, ...values);
  });
  const living = await one.start({ ...one.store, sqlRead });
  const others = [await one.start(), await one.start()];
  living.onGone(() => {});
  await one.advance(60_000);
  assert.ok(looks <= 30, `${looks} in a minute`);
  await one.end(living, ...others);
});

const mishaps = {
  'the clock is set back by an hour': (one) => one.set(-hour),
  'the clock is set forward by an hour': (one) => one.set(hour),
  'the machine sleeps, and its monotonic clock with it': (one) => one.set(8 * hour),
  'the machine sleeps, and its monotonic clock goes on': (one) => one.sleep(8 * hour),
  'the clock is set back by a second and a half': (one) => one.set(-1500),
  'the clock is set forward by a second and a half': (one) => one.set(1500),
} satisfies Record<string, (one: Awaited<ReturnType<typeof machine>>) => void>;

for (const [name, happen] of Object.entries(mishaps)) {
  for (const offset of [0, 300, 990])
    test(`${name} (${offset} ms after a heartbeat): no living worker is judged dead, and a dead one is within seconds`, async () => {
      const one = await machine();
      const first = await one.start();
      await one.advance(500);
      const second = await one.start();
      const gone = await one.crash();
      await one.advance(500 + offset);
      happen(one);
      let deadAfter: number | undefined;
      for (let passed = 0; passed <= 10_000; passed += 100) {
        assert.equal(await one.isDead(second, first), false, `${passed} ms after it`);
        assert.equal(await one.isDead(first, second), false, `${passed} ms after it`);
        if (await one.isDead(gone, first)) deadAfter ??= passed;
        await one.advance(100);
      }
      assert.ok(deadAfter !== undefined && deadAfter <= 6000, `the dead one is found after ${deadAfter} ms`);
      await one.end(first, second);
    });
}

test('on a machine on which everything always stalls, dead workers are found', async () => {
  const one = await machine();
  const living = await one.start();
  const gone = await one.crash();
  let passed = 0;
  for (; !(await one.isDead(gone, living)); passed += 2600) {
    assert.ok(passed < 15_000, 'it is never found');
    one.sleep(2500);
    await one.advance(100);
  }
  await one.end(living);
});

test('a worker that starts with a clock an hour behind takes over at once from a dead one', async () => {
  const one = await machine();
  const gone = await one.crash();
  one.set(-hour);
  const living = await one.start();
  assert.equal(await one.isDead(gone, living), true);
  await one.end(living);
});

test('a damaged heartbeat does not count', async () => {
  const one = await machine();
  const gone = await one.crash();
  const living = await one.start();
  await one.run(one.store.transaction((tx) => tx.run('update sw_worker set until = 9223372036854775807 where id = ?', gone.id)));
  assert.equal(await one.isDead(gone, living), true);
  await one.end(living);
});

test('machines whose clocks are an hour apart leave each other their leases, and agree on which workers are dead', async () => {
  const one = await machine();
  const leads = (whose: Worker): Promise<boolean> => one.run(one.store.transaction((tx) => whose.holdLease(tx, 'relay')));
  const behind = await one.startElsewhere(-hour);
  const gone = await one.crash();
  assert.equal(await leads(gone), true);
  const ahead = await one.startElsewhere(hour);
  for (let passed = 0; passed <= 2900; passed += 100) {
    for (const other of [behind, ahead]) assert.equal(await leads(other), false, `${passed} ms after the last heartbeat`);
    await one.advance(100);
  }
  await one.advance(200);
  assert.deepEqual([await leads(ahead), await leads(behind)], [true, false]);
  assert.deepEqual([await one.isDead(ahead, behind), await one.isDead(behind, ahead)], [false, false]);
  await one.end(behind, ahead);
});

test('a worker never judges itself dead, however late its heartbeat is', async () => {
  const one = await machine();
  const late = await one.crash();
  one.set(5 * 60_000);
  assert.equal(await one.isDead(late, late), false);
  await one.run(one.store.transaction((tx) => tx.run('delete from sw_worker')));
  assert.equal(await one.isDead(late, late), false);
  await one.end();
});

test('the heartbeat of a crashed worker stays until another one has lived for 100 times its ttl; a worker that closed leaves none', async () => {
  const one = await machine();
  const ended = await one.start();
  const killed = await one.crash();
  await one.run(ended.close());
  const ids = async () => (await one.store.read.all('select id from sw_worker')).map(({ id }) => id);
  one.sleep(2 * hour);
  const living = await one.start();
  await one.advance(290_000);
  assert.deepEqual((await ids()).toSorted(), [killed.id, living.id].toSorted());
  await one.advance(20_000);
  assert.deepEqual(await ids(), [living.id]);
  await one.end(living);
});
