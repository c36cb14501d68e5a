import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { macrotask } from '../../core/event-loop.ts';
import { runtime } from '../../core/runtime.ts';
import { seededRandom } from '../../testing/clock.ts';
import { CommitUnknown, StoreUnusable } from '../errors.ts';
import type { Read, Store } from '../store.ts';
import { openSqlite } from './sqlite-store.ts';
import type { Disk } from './wal-sync.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-log-'));
after(() => rmSync(root, { recursive: true, force: true }));
let file = 0;
const path = (): string => join(root, `${file++}.db`);
const table = [{ name: 'x/1', statements: ['create table x (n integer)'] }];

/** A disk that takes its time, or refuses. */
function slowDisk(): Disk & { readonly flushes: () => number; readonly atOnce: () => number; hold(): () => void; refuse(): void } {
  let held: Promise<void> | undefined;
  let refuses = false;
  let flushes = 0;
  let atOnce = 0;
  return {
    flushes: () => flushes,
    atOnce: () => atOnce,
    async flush() {
      flushes++;
      await held;
      if (refuses) throw new Error('EIO');
    },
    flushNow() {
      atOnce++;
      if (refuses) throw new Error('EIO');
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return () => {
        held = undefined;
        resolve();
      };
    },
    refuse() {
      refuses = true;
    },
  };
}

const insert = (store: Store, n: number): Promise<unknown> => store.transaction((tx) => tx.run('insert into x values (?)', n));
const numbers = async (store: Store): Promise<readonly unknown[]> => (await store.read.all('select n from x order by n')).map(({ n }) => n);

/** What of these is settled once nothing but the disk can go on. */
async function settled(...works: readonly Promise<unknown>[]): Promise<readonly boolean[]> {
  const done = works.map(() => false);
  works.forEach((work, index) => {
    const settle = (): void => {
      done[index] = true;
    };
    work.then(settle, settle);
  });
  for (let round = 0; round < 20; round++) await macrotask();
  return done;
}

test('a commit is acknowledged, and read, only once the disk has it', async () => {
  const slow = slowDisk();
  const store = await openSqlite(path(), 'bank', 'full', runtime(), slow);
  await store.migrate(table);
  await insert(store, 1);
  const release = slow.hold();
  const before = slow.flushes();
  const committed = insert(store, 2);
  assert.deepEqual(await settled(committed), [false]);
  const read = numbers(store);
  assert.deepEqual(await settled(committed, read), [false, false]);
  release();
  await committed;
  assert.deepEqual(await read, [1, 2]);
  // What is under way is waited for, and what is durable needs nothing more.
  await numbers(store);
  assert.equal(slow.flushes(), before + 1);
  await store.close();
});

test('what another process has committed is read only once the disk has it', async () => {
  const shared = path();
  const one = await openSqlite(shared, 'bank', 'full', runtime(), slowDisk());
  await one.migrate(table);
  const slow = slowDisk();
  const other = await openSqlite(shared, 'bank', 'full', runtime(), slow);
  assert.deepEqual(await numbers(other), []);
  await insert(one, 1);
  const before = slow.flushes();
  const release = slow.hold();
  const reads = [numbers(other), numbers(other)] as const;
  assert.deepEqual(await settled(...reads), [false, false]);
  release();
  assert.deepEqual(await Promise.all(reads), [[1], [1]]);
  assert.equal(slow.flushes(), before + 1);
  // And for what nobody has added to, not again.
  await numbers(other);
  assert.equal(slow.flushes(), before + 1);
  await one.close();
  await other.close();
});

test('transactions that arrive while the disk is busy commit together after it', async () => {
  const slow = slowDisk();
  const store = await openSqlite(path(), 'bank', 'full', runtime(), slow);
  await store.migrate(table);
  const before = slow.flushes();
  const release = slow.hold();
  const first = insert(store, 0);
  await settled(first);
  const others = Array.from({ length: 20 }, (_, n) => insert(store, n + 1));
  await settled(...others);
  release();
  await Promise.all([first, ...others]);
  assert.equal(slow.flushes(), before + 2);
  await store.close();
});

test('when the disk refuses the log its state is unknown: commits reject as unknown, then the store is unusable', async () => {
  const bad = slowDisk();
  const store = await openSqlite(path(), 'bank', 'full', runtime(), bad);
  await store.migrate(table);
  bad.refuse();
  await assert.rejects(insert(store, 1), CommitUnknown);
  await assert.rejects(insert(store, 2), StoreUnusable);
  const reading = await openSqlite(path(), 'other', 'full', runtime(), bad);
  for (let round = 0; round < 3; round++) await assert.rejects(reading.read.all('select 1'), StoreUnusable);
  await store.close();
  await reading.close();
});

test('a disk that turns out to be quick is waited for at once, and no longer once it is slow', async () => {
  let now = 0;
  let takesMs = 0.1;
  const clock = { ...systemClock, monotonic: () => now };
  const one = slowDisk();
  const passing: Disk = {
    async flush(file) {
      await one.flush(file);
      now += takesMs;
    },
    flushNow(file) {
      one.flushNow(file);
      now += takesMs;
    },
  };
  const store = await openSqlite(path(), 'bank', 'full', runtime({ clock }), passing);
  await store.migrate(table);
  for (let n = 0; n < 40; n++) await insert(store, n);
  const before = one.flushes();
  assert.ok(before < 30 && one.atOnce() > 10, `${before} beside, ${one.atOnce()} at once`);
  takesMs = 20;
  for (let n = 0; n < 10; n++) await insert(store, n);
  assert.equal(one.flushes(), before + 9);
  one.refuse();
  await assert.rejects(insert(store, 1), CommitUnknown);
  await store.close();
});

test('durability normal flushes nothing', async () => {
  const idle = slowDisk();
  const store = await openSqlite(path(), 'bank', 'normal', runtime(), idle);
  await store.migrate(table);
  await insert(store, 1);
  assert.deepEqual(await numbers(store), [1]);
  assert.equal(idle.flushes(), 0);
  await store.close();
});

for (const seed of [1, 2, 3, 4, 5]) {
  test(`whatever the moments of commits, reads and the disk, nothing is acknowledged before the disk has it (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const shared = path();
    const watching = new DatabaseSync(shared);
    const committed = (): number => Number(watching.prepare('select count(*) as n from x').get()?.['n']);
    const pause = async (): Promise<void> => {
      for (let rest = Math.floor(random.next() * 12); rest > 0; rest--) await (random.next() < 0.1 ? macrotask() : undefined);
    };
    let safe = 0;
    let opened = false;
    const disk: Disk = {
      async flush() {
        const taken = opened ? committed() : 0;
        await pause();
        safe = Math.max(safe, taken);
      },
      flushNow: () => assert.fail('it is never quick'),
    };
    let now = 0;
    const slowly = { ...systemClock, monotonic: () => (now += 10) };
    const store = await openSqlite(shared, 'bank', 'full', runtime({ clock: slowly }), disk);
    const other = await openSqlite(shared, 'bank', 'full', runtime({ clock: slowly }), disk);
    await store.migrate(table);
    opened = true;
    const works: Promise<void>[] = [];
    for (let n = 0; n < 300; n++) {
      const by = random.next() < 0.8 ? store : other;
      const told = (rows: readonly unknown[]): void =>
        assert.ok(rows.length <= safe, `${rows.length} were told of, ${safe} are on the disk`);
      const seen = (from: Read): ReturnType<Read['all']> => from.all('select * from x');
      const write = (): ReturnType<Read['all']> => by.transaction((tx) => tx.run('insert into x values (1)').then(() => seen(tx)));
      works.push((random.next() < 0.5 ? write() : seen(by.read)).then(told));
      await pause();
    }
    await Promise.all(works);
    assert.equal(committed(), safe);
    await store.close();
    await other.close();
    watching.close();
  });
}
