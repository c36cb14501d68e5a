import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Observe, silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { virtualClock } from '../testing/clock.ts';
import { memory } from './drivers/memory.ts';
import type { Store } from './store.ts';
import { type Worker, worker, workerMigrations } from './worker.ts';

const hour = 3_600_000;

/** A machine whose clock may be set, and which may sleep. */
async function machine() {
  const time = virtualClock();
  let ahead = 0;
  let slept = 0;
  const clock = { ...time, now: () => time.now() + ahead + slept, monotonic: () => time.monotonic() + slept };
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
    sleep(ms: number) {
      slept += ms;
    },
    start: (on: Store = store) => time.run(worker(on, runtime({ clock, observe }))),
    /** A process on another machine, whose clock is so far ahead of the database's. */
    startElsewhere: (ms: number) => time.run(worker(store, runtime({ clock: { ...clock, now: () => clock.now() + ms }, observe }))),
    /** Its process is gone, without a word. */
    async crash() {
      const mute = { ...clock, after: () => ({ cancel: () => {} }) };
      return time.run(worker(store, runtime({ clock: mute })));
    },
    isDead: async (whose: Worker, to: Worker): Promise<boolean> => {
      const { sql, values } = to.dead();
      return (await store.read.all(`select 1 from (select ? as owner) where ${sql}`, whose.id, ...values)).length > 0;
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
