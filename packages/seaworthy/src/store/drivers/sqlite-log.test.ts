import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runtime } from '../../core/runtime.ts';
import { turn } from '../../core/turn.ts';
import { CommitUnknown, StoreUnusable } from '../errors.ts';
import type { Store } from '../store.ts';
import type { Flush } from './sqlite-log.ts';
import { openSqlite } from './sqlite-store.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-log-'));
after(() => rmSync(root, { recursive: true, force: true }));
let file = 0;
const path = (): string => join(root, `${file++}.db`);
const table = [{ name: 'x/1', statements: ['create table x (n integer)'] }];

/** A disk that takes its time, or refuses. */
function disk(): { readonly flush: Flush; readonly flushes: () => number; hold(): () => void; refuse(): void } {
  let held: Promise<void> | undefined;
  let refuses = false;
  let flushes = 0;
  return {
    flushes: () => flushes,
    async flush() {
      flushes++;
      await held;
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
  for (let round = 0; round < 20; round++) await turn();
  return done;
}

test('a commit is told of, and read, only once the disk has it', async () => {
  const slow = disk();
  const store = await openSqlite(path(), 'bank', 'full', runtime(), slow.flush);
  await store.migrate(table);
  await insert(store, 1);
  const release = slow.hold();
  const committed = insert(store, 2);
  assert.deepEqual(await settled(committed), [false]);
  const read = numbers(store);
  assert.deepEqual(await settled(committed, read), [false, false]);
  release();
  await committed;
  assert.deepEqual(await read, [1, 2]);
  await store.close();
});

test('what another process has committed is read only once the disk has it', async () => {
  const shared = path();
  const one = await openSqlite(shared, 'bank', 'full', runtime(), disk().flush);
  await one.migrate(table);
  const slow = disk();
  const other = await openSqlite(shared, 'bank', 'full', runtime(), slow.flush);
  assert.deepEqual(await numbers(other), []);
  await insert(one, 1);
  const before = slow.flushes();
  const release = slow.hold();
  const read = numbers(other);
  assert.deepEqual(await settled(read), [false]);
  release();
  assert.deepEqual(await read, [1]);
  assert.equal(slow.flushes(), before + 1);
  // And for what nobody has added to, not again.
  await numbers(other);
  assert.equal(slow.flushes(), before + 1);
  await one.close();
  await other.close();
});

test('transactions that arrive while the disk is busy commit together after it', async () => {
  const slow = disk();
  const store = await openSqlite(path(), 'bank', 'full', runtime(), slow.flush);
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

test('when the disk refuses the log nobody knows what is on it: commits are unknown, then the store is unusable', async () => {
  const bad = disk();
  const store = await openSqlite(path(), 'bank', 'full', runtime(), bad.flush);
  await store.migrate(table);
  bad.refuse();
  await assert.rejects(insert(store, 1), CommitUnknown);
  await assert.rejects(insert(store, 2), StoreUnusable);
  const reading = await openSqlite(path(), 'other', 'full', runtime(), bad.flush);
  await assert.rejects(reading.read.all('select 1'), StoreUnusable);
  await store.close();
  await reading.close();
});

test('durability normal flushes nothing', async () => {
  const idle = disk();
  const store = await openSqlite(path(), 'bank', 'normal', runtime(), idle.flush);
  await store.migrate(table);
  await insert(store, 1);
  assert.deepEqual(await numbers(store), [1]);
  assert.equal(idle.flushes(), 0);
  await store.close();
});
