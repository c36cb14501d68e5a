import assert from 'node:assert/strict';
import { claim } from '../claim.ts';
import type { Claiming } from '../dialect.ts';
import { StatementFailed } from '../errors.ts';
import type { Store } from '../store.ts';
import { named, names, open, type Promised } from './bank.ts';

/** A table in the words of the dialect. */
const letters = (store: Store): Promise<void> =>
  store.migrate([
    {
      name: 'letters/1',
      statements: ({ types: { identity, integer, key, text }, tableOptions, partialIndex }) => [
        `create table letter (seq ${identity}, name ${key} not null, body ${text}, at ${integer}, unique (name))${tableOptions}`,
        ...partialIndex({ name: 'letter_open', table: 'letter', columns: 'at', where: 'body is null', whole: 'at, body(1)' }),
        ...partialIndex({ name: 'letter_none', table: 'letter', columns: 'name', where: 'at is null' }),
      ],
    },
  ]);

const letter = { table: 'letter', columns: 'name, body, at', key: 'name' };

const all = async ({ read }: Store): Promise<readonly unknown[]> =>
  (await read.all('select name, body, at from letter order by seq')).map(({ name, body, at }) => `${name} ${body} ${at}`);

/** What the dialect of a database promises of its words. */
export const wording: readonly Promised[] = [
  named('dialect: an insert of new rows counts those that it made, and leaves the others alone', async (store) => {
    await letters(store);
    await store.transaction(async (tx) => {
      const insert = tx.dialect.insertNew(letter);
      assert.deepEqual(await tx.run(insert, 'a', 'first', 1), { changes: 1 });
      assert.deepEqual(await tx.run(insert, 'a', 'second', 2), { changes: 0 });
      assert.deepEqual(await tx.run(insert, 'b', 'first', 1), { changes: 1 });
      const copy = tx.dialect.insertNew({ ...letter, from: "select 'c', body, at + 1 from letter where name in ('a', 'b')" });
      assert.deepEqual(await tx.run(copy), { changes: 1 });
    });
    assert.deepEqual(await all(store), ['a first 1', 'b first 1', 'c first 2']);
  }),
  named('dialect: an upsert overwrites the columns that it is given, and no other', async (store) => {
    await letters(store);
    await store.transaction(async (tx) => {
      const upsert = tx.dialect.upsert({ ...letter, set: 'at' });
      await tx.run(upsert, 'a', 'first', 1);
      await tx.run(upsert, 'a', 'second', 2);
    });
    assert.deepEqual(await all(store), ['a first 2']);
  }),
  named('dialect: an identity numbers rows in their order, and never uses a number again', async (store) => {
    await letters(store);
    const add = (name: string): Promise<unknown> => store.transaction((tx) => tx.run('insert into letter (name) values (?)', name));
    const last = async (): Promise<number> => Number((await store.read.all('select max(seq) as seq from letter'))[0]?.['seq']);
    await add('a');
    await add('b');
    const before = await last();
    await store.transaction((tx) => tx.run("delete from letter where name = 'b'"));
    await add('c');
    assert.ok((await last()) > before);
  }),
  named('dialect: a key is equal to itself alone, and a column of whole numbers refuses everything else', async (store) => {
    await letters(store);
    const names = ['a', 'A', 'ä', 'a '];
    await store.transaction(async (tx) => {
      for (const name of names) await tx.run(tx.dialect.insertNew(letter), name, null, null);
    });
    assert.equal((await all(store)).length, names.length);
    for (const at of store.dialect.refusesFractions ? [1.5, 'soon'] : ['soon'])
      await assert.rejects(
        store.transaction((tx) => tx.run('insert into letter (name, at) values (?, ?)', 'wrong', at)),
        StatementFailed,
        String(at),
      );
  }),
  named('dialect: a deletion removes the first rows that meet its condition, and no more than so many', async (store) => {
    await letters(store);
    await store.transaction(async (tx) => {
      for (const [index, name] of ['a', 'b', 'c', 'd', 'e'].entries())
        await tx.run(tx.dialect.insertNew(letter), name, name === 'b' ? 'kept' : null, 10 - index);
      const where = {
        sql: 'at < ? and body is null and not exists (select 1 from account where account.name = letter.name)',
        values: [10],
      };
      await open(tx, 'e', 1);
      const { sql, values } = tx.dialect.deleteFirst({ table: 'letter', key: 'seq', where, order: 'at', limit: 1 });
      assert.deepEqual(await tx.run(sql, ...values), { changes: 1 });
      assert.deepEqual(await tx.run(sql, ...values), { changes: 1 });
      assert.deepEqual(await tx.run(sql, ...values), { changes: 0 });
    });
    assert.deepEqual(await all(store), ['a null 10', 'b kept 9', 'e null 6']);
  }),
  named('dialect: a claim takes the first rows up to its bounds, and writes them by what they were', async (store) => {
    await store.migrate([
      {
        name: 'pieces/1',
        statements: ({ types: { integer, key }, tableOptions }) => [
          `create table piece (hall ${key} not null, n ${integer} not null, owner ${key} not null, due ${integer} not null,
            deaths ${integer} not null, primary key (hall, n))${tableOptions}`,
        ],
      },
    ]);
    const owners = ['', 'dead', 'living', 'dead', ''];
    await store.transaction((tx) =>
      tx.runAll(owners.map((owner, index) => ["insert into piece values ('a', ?, ?, ?, 0)", index, owner, 10 - index] as const)),
    );
    const claiming: Claiming = {
      table: 'piece',
      key: ['hall', 'n'],
      live: { sql: 'hall = ?', values: ['a'] },
      owner: { sql: "owner in ('', 'dead')", values: [] },
      worker: 'me',
      set: { sql: 'deaths = deaths + case when owner = ? then ? else 0 end', values: ['dead', 10] },
      columns: 'n, owner, deaths',
      size: 'n + 1',
    };
    const claimed = async (rows: number, bytes: number): Promise<readonly unknown[]> =>
      (await store.transaction((tx) => claim(tx, claiming, { rows, bytes }), { isolation: 'read committed' })).map(
        ({ n, owner, deaths }) => `${n} ${owner} ${deaths}`,
      );
    assert.deepEqual(await claimed(1, 0), ['4 me 0']);
    assert.deepEqual(await claimed(3, 6), ['3 me 10', '1 me 10']);
    assert.deepEqual(await claimed(3, 6), ['0 me 0']);
    assert.deepEqual(await claimed(3, 6), []);
  }),
  named('dialect: claims at the same time share the rows', async (store) => {
    await letters(store);
    await store.migrate([
      {
        name: 'pieces/1',
        statements: ({ types: { identity, integer, key }, tableOptions }) => [
          `create table piece (seq ${identity}, owner ${key} not null, due ${integer} not null)${tableOptions}`,
        ],
      },
    ]);
    await store.transaction((tx) =>
      tx.runAll(Array.from({ length: 40 }, () => ["insert into piece (owner, due) values ('', 1)"] as const)),
    );
    const free = { sql: "owner = ''", values: [] };
    const work = async (worker: string): Promise<readonly unknown[]> => {
      const all: unknown[] = [];
      for (;;) {
        const claiming: Claiming = { table: 'piece', key: ['seq'], live: free, owner: free, worker, columns: 'seq', size: '0' };
        const rows = await store.transaction((tx) => claim(tx, claiming, { rows: 3, bytes: 0 }), { isolation: 'read committed' });
        if (rows.length === 0) return all;
        all.push(...rows.map(({ seq }) => seq));
      }
    };
    const taken = (await Promise.all(['one', 'two', 'three'].map(work))).flat();
    assert.deepEqual([taken.length, new Set(taken).size], [40, 40]);
  }),
  named('dialect: JSON is known from other text', async (store) => {
    await letters(store);
    const bodies = ['{"a":[1]}', '[]', '{oops', 'none', ''];
    await store.transaction(async (tx) => {
      for (const body of bodies) await tx.run(tx.dialect.insertNew(letter), body, body, 1);
    });
    const rows = await store.read.all(`select body from letter where ${store.dialect.isJson('body')} order by seq`);
    assert.deepEqual(
      rows.map(({ body }) => body),
      bodies.slice(0, 2),
    );
  }),
  named('dialect: with transactional DDL, a table is gone with the transaction that made it', async (store) => {
    if (!store.dialect.transactionalDdl) return 'transactional DDL';
    const work = store.transaction(async (tx) => {
      await tx.run('create table brief (n integer)');
      throw new Error('no');
    });
    await assert.rejects(work, /no/);
    await assert.rejects(store.read.all('select n from brief'), StatementFailed);
  }),
  named('dialect: without transactional DDL, a transaction that makes or changes a table is refused by name', async (store) => {
    if (store.dialect.transactionalDdl) return 'DDL that commits by itself';
    for (const statement of [
      'create table brief (n integer)',
      ' /* so */ alter table account add column n integer',
      'drop table account',
    ]) {
      const work = store.transaction(async (tx) => {
        await open(tx, 'a', 1);
        await tx.run(statement);
      });
      await assert.rejects(work, (error: unknown) => error instanceof StatementFailed && /migration/.test(error.message), statement);
    }
    assert.deepEqual(await names(store), []);
  }),
];
