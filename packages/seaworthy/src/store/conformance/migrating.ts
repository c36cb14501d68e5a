import assert from 'node:assert/strict';
import { MigrationEdited, MigrationFailed, StatementFailed } from '../errors.ts';
import type { Migration } from '../store.ts';
import { accounts, balance, named, open, type Promised } from './bank.ts';

const entries: Migration = {
  name: 'bank/2',
  statements: ({ types: { key } }) => [
    `create table entry (n integer primary key, account ${key} not null, foreign key (account) references account (name) on delete cascade)`,
  ],
};

/** Migrations, and statements that would outlive their transaction. */
export const migrating: readonly Promised[] = [
  named('a migration is applied once; an edited one is refused by name', async (store) => {
    await store.migrate([accounts, { name: 'bank/2', statements: ['alter table account add column note text'] }]);
    await Promise.all([store.migrate([accounts]), store.migrate([accounts])]);
    const edited = store.migrate([{ name: 'bank/2', statements: ['alter table account add column memo text'] }]);
    await assert.rejects(edited, (error: unknown) => error instanceof MigrationEdited && /bank\/2/.test(error.message));
  }),
  named(
    'with transactional DDL, a migration that fails half way, or uses a statement that it may not, leaves nothing of itself and of those before it',
    async (store) => {
      if (!store.dialect.transactionalDdl) return 'transactional DDL';
      const good = { name: 'bank/2', statements: ['create table note (name text)'] };
      for (const wrong of ['insert into nowhere values (1)', 'pragma foreign_keys = off', "attach ':memory:' as other", 'vacuum', 'commit'])
        await assert.rejects(
          store.migrate([good, { name: 'bank/3', statements: ['create table other (name text)', wrong] }]),
          (error: unknown) => error instanceof MigrationFailed && /bank\/3/.test(error.message),
        );
      await store.migrate([good, { name: 'bank/3', statements: ['create table other (name text)'] }]);
    },
  ),
  named(
    'without transactional DDL, a migration that fails half way says what is left of it, and those before it stay applied',
    async (store) => {
      if (store.dialect.transactionalDdl) return 'DDL that commits by itself';
      const good = { name: 'bank/2', statements: ['create table note (n integer)'] };
      const wrong = ['insert into nowhere values (1)', 'vacuum', 'commit'];
      for (const [index, statement] of wrong.entries()) {
        const statements = [`create table other${index} (n integer)`, 'insert into note values (1)', statement];
        await assert.rejects(
          store.migrate([good, { name: 'bank/3', statements }]),
          (error: unknown) => error instanceof MigrationFailed && /bank\/3.* first 1 of 3 statements stay/.test(error.message),
          statement,
        );
      }
      assert.deepEqual(await store.read.all('select n from note'), [], 'a change of rows is undone');
      const atOnce = store.migrate([good, { name: 'bank/3', statements: ['insert into note values (1)', 'vacuum'] }]);
      await assert.rejects(atOnce, (error: unknown) => error instanceof MigrationFailed && /nothing of it is left/.test(error.message));
      const before = store.migrate([{ name: 'bank/3', statements: ['insert into note values (1)', 'create table other0 (n integer)'] }]);
      await assert.rejects(before, (error: unknown) => error instanceof MigrationFailed && /first 1 of 2/.test(error.message));
      await store.migrate([good, { name: 'bank/3', statements: ['create table other3 (n integer)', 'insert into note values (2)'] }]);
      assert.deepEqual(await store.read.all('select n from note order by n'), [{ n: 1 }, { n: 2 }]);
    },
  ),
  named('two migrations of one name are refused by name, and not as an edit', async (store) => {
    const twins = store.migrate([
      { name: 'bank/2', statements: ['create table one (name text)'] },
      { name: 'bank/2', statements: ['create table two (name text)'] },
    ]);
    await assert.rejects(twins, (error: unknown) => error instanceof MigrationFailed && /bank\/2/.test(error.message));
    await store.migrate([{ name: 'bank/2', statements: ['create table one (name text)'] }]);
  }),
  named('a migration that rebuilds a table keeps the rows that refer to it, or is refused', async (store) => {
    await store.migrate([entries]);
    await store.transaction(async (tx) => {
      await open(tx, 'a', 1);
      await tx.run("insert into entry values (1, 'a'), (2, 'a')");
    });
    const rebuild = store.migrate([
      {
        name: 'bank/3',
        statements: [
          `create table account_new (name ${store.dialect.types.key} not null primary key, balance integer not null)`,
          'insert into account_new select name, balance from account',
          'drop table account',
          'alter table account_new rename to account',
        ],
      },
    ]);
    await rebuild.catch((error: unknown) => assert.ok(error instanceof MigrationFailed));
    assert.equal((await store.read.all('select n from entry')).length, 2);
    // What refers to it still does.
    await assert.rejects(
      store.transaction((tx) => tx.run("insert into entry values (3, 'nobody')")),
      StatementFailed,
    );
    await store.transaction((tx) => tx.run("delete from account where name = 'a'"));
    assert.deepEqual(await store.read.all('select n from entry'), []);
  }),
  named('a migration that leaves references to nothing is refused by name, and with transactional DDL undone', async (store) => {
    await store.migrate([entries]);
    await store.transaction(async (tx) => {
      await open(tx, 'a', 1);
      await tx.run("insert into entry values (1, 'a')");
    });
    const replaced = [
      'alter table account rename to account_old',
      `create table account (name ${store.dialect.types.key} not null primary key)`,
      'drop table account_old',
    ];
    for (const statements of [["insert into entry values (2, 'nobody')"], ...(store.dialect.transactionalDdl ? [replaced] : [])])
      await assert.rejects(
        store.migrate([{ name: 'bank/3', statements }]),
        (error: unknown) => error instanceof MigrationFailed && /bank\/3/.test(error.message),
      );
    assert.equal(await balance(store.read, 'a'), 1);
    assert.equal((await store.read.all('select n from entry')).length, 1);
  }),
  named('a statement that would outlive its transaction is refused by name', async (store) => {
    const wide = [
      'pragma defer_foreign_keys = on',
      '/* so */ PRAGMA case_sensitive_like = on',
      "attach ':memory:' as o",
      'detach o',
      'vacuum',
    ];
    const temporary = ['create temp table account (name text)', 'create table "temp".account (name text)'];
    for (const statement of [...wide, ...temporary, '\ufeffcommit', '\ufeffpragma user_version = 1'])
      await assert.rejects(
        store.transaction((tx) => tx.run(statement)),
        StatementFailed,
        statement,
      );
  }),
];
