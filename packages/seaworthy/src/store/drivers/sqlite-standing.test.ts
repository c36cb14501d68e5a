import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { type Observe, silent } from '../../core/observe.ts';
import { runtime } from '../../core/runtime.ts';
import { CommitUnknown, StoreUnusable } from '../errors.ts';
import type { Store, Tx } from '../store.ts';
import { Topics } from '../topics.ts';
import { Connection } from './sqlite-connection.ts';
import { files } from './sqlite-files.ts';
import { standing } from './sqlite-standing.ts';
import { openSqlite } from './sqlite-store.ts';
import { Writer } from './sqlite-writer.ts';
import type { Disk } from './wal-sync.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-standing-'));
after(() => rmSync(root, { recursive: true, force: true }));
let file = 0;
const fresh = (): string => join(root, `${file++}.db`);
const table = [{ name: 'x/1', statements: ['create table x (n integer, t text)'] }];
const insert = (store: Store): Promise<unknown> => store.transaction((tx) => tx.run('insert into x (n) values (1)'));

/** A machine on which time passes when it is told to, and whose errors are kept. */
function machine() {
  let passed = 0;
  const errors: string[] = [];
  const observe: Observe = { ...silent, log: (level, message) => void (level === 'error' && errors.push(message)) };
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + passed };
  return {
    errors,
    runtime: runtime({ clock, observe }),
    pass(ms: number) {
      passed += ms;
    },
  };
}

test('a disk that refused the log once breaks the store for good, and it is logged once', async () => {
  const one = machine();
  let refuses = false;
  const refuse = (): void => {
    if (!refuses) return;
    refuses = false;
    throw new Error('EIO');
  };
  const disk: Disk = { flush: async () => refuse(), flushNow: refuse };
  const store = await openSqlite(fresh(), 'bank', 'full', one.runtime, disk);
  await store.migrate(table);
  assert.equal(store.condition().state, 'well');
  refuses = true;
  await assert.rejects(insert(store), CommitUnknown);
  for (let round = 0; round < 3; round++) {
    await assert.rejects(insert(store), StoreUnusable);
    await assert.rejects(store.read.all('select n from x'), StoreUnusable);
  }
  assert.deepEqual(store.condition(), { state: 'broken', why: 'its disk refused the log' });
  assert.equal(one.errors.length, 1);
  await store.close();
});

const mishaps: Readonly<Record<string, (path: string) => void>> = {
  'the file is removed': (path) => rmSync(path),
  'its log is removed': (path) => rmSync(`${path}-wal`),
  'its index is removed': (path) => rmSync(`${path}-shm`),
  'all of it is moved away': (path) => {
    for (const ending of ['', '-wal', '-shm']) renameSync(path + ending, `${path}.old${ending}`);
  },
  'it is replaced by another': (path) => {
    writeFileSync(`${path}.new`, '');
    renameSync(`${path}.new`, path);
  },
};

for (const [name, happen] of Object.entries(mishaps))
  for (const durability of ['full', 'normal'] as const)
    test(`${name}: nothing is acknowledged that is not written, and the failure is logged once (${durability})`, {
      skip: process.platform === 'win32',
    }, async () => {
      const one = machine();
      const path = fresh();
      const store = await openSqlite(path, 'bank', durability, one.runtime);
      await store.migrate(table);
      await insert(store);
      // Seen once with all of its files.
      one.pass(1000);
      await insert(store);
      happen(path);
      one.pass(1000);
      await assert.rejects(insert(store), CommitUnknown);
      await assert.rejects(insert(store), StoreUnusable);
      await assert.rejects(store.read.all('select n from x'), StoreUnusable);
      assert.equal(store.condition().state, 'broken');
      assert.equal(one.errors.length, 1);
      await store.close().catch(() => {});
    });

test('a database behind a link is the one that it leads to', { skip: process.platform === 'win32' }, async () => {
  const [path, link] = [fresh(), fresh()];
  new DatabaseSync(path).close();
  symlinkSync(path, link);
  const one = machine();
  const store = await openSqlite(link, 'bank', 'full', one.runtime);
  await store.migrate(table);
  one.pass(1000);
  await insert(store);
  assert.equal(store.condition().state, 'well');
  await store.close();
});

test('a store whose disk is full is failing, and well again with the first write that succeeds', async () => {
  const one = machine();
  const path = fresh();
  const stands = standing('bank', one.runtime);
  const connection = new Connection(path, false, (error) => stands.met('write', error));
  const queue = new Writer({
    connection,
    log: undefined,
    files: files(path, one.runtime.clock),
    standing: stands,
    topics: new Topics(one.runtime.observe),
    service: 'bank',
    runtime: one.runtime,
  });
  const run = (sql: string): Promise<unknown> => queue.add((tx: Tx) => tx.run(sql), {});
  await run('create table x (n integer, t text)');
  connection.exec('pragma max_page_count = 8');
  await assert.rejects(run("insert into x (t) select printf('%.*c', 100000, 'x')"), /full/);
  assert.deepEqual(stands.condition(), { state: 'failing', why: 'its disk is full' });
  await queue.add((tx: Tx) => tx.all('select n from x'), {});
  assert.equal(stands.condition().state, 'failing', 'who only reads says nothing about it');
  await run('insert into x (n) values (1)');
  assert.equal(stands.condition().state, 'well');
  await queue.idle();
  connection.close();
});

test('a wrong statement does not make its store failing', async () => {
  const one = machine();
  const store = await openSqlite(fresh(), 'bank', 'normal', one.runtime);
  await store.migrate(table);
  await assert.rejects(store.transaction((tx) => tx.run('insert into nowhere values (1)')));
  await assert.rejects(store.read.all('insert into x (n) values (1)'));
  assert.equal(store.condition().state, 'well');
  await store.close();
});

test('a log that grew during a long read is cut once the read has ended', async () => {
  const path = fresh();
  const store = await openSqlite(path, 'bank', 'normal', runtime());
  await store.migrate(table);
  const write = (): Promise<unknown> => store.transaction((tx) => tx.run("insert into x (t) select printf('%.*c', 3000000, 'x')"));
  await write();
  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec('begin');
  reader.prepare('select count(*) from x').all();
  const size = (): number => statSync(`${path}-wal`).size / 2 ** 20;
  while (size() < 20) await write();
  reader.close();
  for (let round = 0; round < 3; round++) await insert(store);
  assert.ok(size() <= 16.1, `it has ${size()} MiB`);
  await store.close();
});
