import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { runtime } from '../../core/runtime.ts';
import { seededRandom } from '../../testing/clock.ts';
import { conformance } from '../conformance.ts';
import { memory } from './memory.ts';
import { sqlite } from './sqlite.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-store-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

describe('sqlite', () => {
  for (const { name, run } of conformance(() => ({ driver: sqlite({ dir: join(root, String(folder++)) }) }))) test(name, run);
});

for (const [name, driver] of [
  ['sqlite', () => sqlite({ dir: join(root, String(folder++)) })],
  ['memory', memory],
] as const) {
  test(`${name}: a migration that rebuilds a table says so when it forgets an index or a trigger of it`, async () => {
    const store = await driver().open('bank', runtime());
    await store.migrate([
      {
        name: 'x/1',
        statements: [
          'create table x (n integer, m integer)',
          'create unique index x_n on x (n)',
          'create table log (n integer)',
          'create trigger x_log after insert on x begin insert into log values (new.n); end',
        ],
      },
    ]);
    const rebuilt = [
      'create table x2 (n integer not null, m integer)',
      'insert into x2 select * from x',
      'drop table x',
      'alter table x2 rename to x',
    ];
    const index = 'create unique index x_n on x (n)';
    const told = async (...statements: string[]): Promise<string> =>
      store.migrate([{ name: 'x/2', statements }]).then(
        () => 'applied',
        (error: unknown) => /^the migration x\/2 .*its (?:index|trigger) (\w+)/.exec((error as Error).message)?.[1] ?? String(error),
      );
    assert.equal(await told(...rebuilt), 'x_n');
    assert.equal(await told(...rebuilt, index), 'x_log');
    assert.equal(await told('drop trigger x_log', ...rebuilt, index), 'applied');
    await store.close();
  });
}

for (const [name, driver] of [
  ['sqlite', () => sqlite({ dir: join(root, String(folder++)) })],
  ['memory', memory],
] as const) {
  test(`${name}: a change that begins with a query of its own, and a statement that changes no rows, say what they changed`, async () => {
    const store = await driver().open('bank', runtime());
    await store.migrate([{ name: 'x/1', statements: ['create table x (n integer)', 'insert into x values (1), (2)'] }]);
    await store.transaction(async (tx) => {
      assert.deepEqual(await tx.run('with first as (select 1 as n) delete from x where n in (select n from first)'), { changes: 1 });
      assert.deepEqual(await tx.run('create table y (n integer)'), { changes: 0 });
    });
    await store.close();
  });
}

test('sqlite: `select *` names the columns as they are now, also after another process changed them', async () => {
  const dir = join(root, String(folder++));
  const store = await sqlite({ dir }).open('bank', runtime());
  await store.migrate([{ name: 'x/1', statements: ['create table x (n integer, m integer)', 'insert into x values (1, 2)'] }]);
  assert.deepEqual(await store.read.all('select * from x'), [{ n: 1, m: 2 }]);
  const other = new DatabaseSync(join(dir, 'bank.db'));
  other.exec('alter table x rename column m to k');
  other.close();
  assert.deepEqual(await store.read.all('select * from x'), [{ n: 1, k: 2 }]);
  await store.close();
});

test('sqlite: references that were broken before do not stop a migration, and further ones do', async () => {
  const dir = join(root, String(folder++));
  const store = await sqlite({ dir }).open('bank', runtime());
  const tables = ['create table y (n integer primary key)', 'create table x (n integer, y integer references y (n))'];
  await store.migrate([{ name: 'x/1', statements: tables }]);
  const other = new DatabaseSync(join(dir, 'bank.db'), { enableForeignKeyConstraints: false });
  other.exec('insert into x values (1, 99)');
  other.close();
  await store.migrate([{ name: 'x/2', statements: ['create index x_y on x (y)'] }]);
  await assert.rejects(store.migrate([{ name: 'x/3', statements: ['insert into x values (2, 98)'] }]), /x\/3.*x with references/);
  await store.close();
});

test('sqlite: while another process has the lock, transactions wait without blocking, leave when aborted, and go on after it', async () => {
  const dir = join(root, 'locked');
  const store = await sqlite({ dir }).open('bank', runtime());
  await store.migrate([{ name: 'x/1', statements: ['create table x (n integer)'] }]);
  const other = new DatabaseSync(join(dir, 'bank.db'));
  other.exec('begin immediate');
  const leaving = new AbortController();
  const left = store.transaction((tx) => tx.run('insert into x values (1)'), { signal: leaving.signal });
  const stays = store.transaction((tx) => tx.run('insert into x values (2)'));
  let turned = false;
  setTimeout(() => {
    turned = true;
    leaving.abort(new Error('left'));
  }, 20);
  await assert.rejects(left, /left/);
  assert.equal(turned, true);
  other.exec('commit');
  await stays;
  assert.deepEqual(
    (await store.read.all('select n from x')).map((row) => row['n']),
    [2],
  );
  other.close();
  await store.close();
});

/** Commits numbers one by one and prints each once it is acknowledged. */
const committing = `
  import { runtime } from 'seaworthy/core';
  import { sqlite } from 'seaworthy/store/sqlite';
  import { crashAt } from 'seaworthy/testing';
  const [dir, point] = process.argv.slice(1);
  const store = await sqlite({ dir }).open('bank', runtime({ reached: crashAt(point) }));
  await store.migrate([{ name: 'x/1', statements: ['create table x (n integer)', 'create table y (n integer)'] }]);
  for (let n = 0; ; n++) {
    await store.transaction(async (tx) => {
      await tx.run('insert into x values (?)', n);
      await tx.run('insert into y values (?)', n);
    });
    process.stdout.write(n + '\\n');
  }
`;

for (const point of ['store/commit/before', 'store/commit/after']) {
  test(`sqlite: kill -9 at ${point}: what was acknowledged is there, the rest whole or not at all`, async () => {
    const dir = join(root, `killed-${folder++}`);
    const flags = ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', committing];
    const child = spawnSync(process.execPath, [...flags, dir, `${point}:20`], { encoding: 'utf8', cwd: import.meta.dirname });
    assert.equal(child.signal, 'SIGKILL', child.stderr);
    const acknowledged = child.stdout.trim().split('\n').length;
    const store = await sqlite({ dir }).open('bank', runtime());
    const [x, y] = await Promise.all(
      ['x', 'y'].map(async (table) => (await store.read.all(`select n from ${table} order by n`)).map((row) => row['n'])),
    );
    assert.deepEqual(x, y);
    assert.equal(x?.length, point.endsWith('after') ? acknowledged + 1 : acknowledged);
    await store.close();
  });
}

for (const seed of [1, 2, 3]) {
  describe(`memory, seed ${seed}`, () => {
    for (const { name, run } of conformance(() => ({ driver: memory() }), { runtime: { random: seededRandom(seed) } })) test(name, run);
  });
}
