import assert from 'node:assert/strict';
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
        `create index letter_open on letter (at)${partialIndex('body is null')}`,
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
