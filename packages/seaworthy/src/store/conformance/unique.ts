import assert from 'node:assert/strict';
import { StatementFailed, UniqueViolation } from '../errors.ts';
import type { Store, Tx } from '../store.ts';
import { named, names, open, type Promised } from './bank.ts';

const opening = 'insert into account values (?, ?)';

/** A table with a primary key of two columns and a unique constraint. */
const seats = (store: Store): Promise<void> =>
  store.migrate([
    {
      name: 'seats/1',
      statements: ({ types: { integer, key }, tableOptions }) => [
        `create table seat (hall ${key} not null, number ${integer} not null, guest ${key}, primary key (hall, number), unique (guest))${tableOptions}`,
      ],
    },
  ]);

const ways: Readonly<Record<string, (tx: Tx) => Promise<unknown>>> = {
  'a primary key': (tx) => tx.run("insert into seat values ('a', 1, 'carl')"),
  'a unique constraint': (tx) => tx.run("insert into seat values ('a', 3, 'ada')"),
  'an update': (tx) => tx.run("update seat set guest = 'ada' where number = 2"),
  'one of several': (tx) => tx.runAll([["insert into seat values ('a', 4, 'dora')"], ["insert into seat values ('a', 1, ?)", 'secret']]),
};

const isViolationOf =
  (table: string) =>
  (error: unknown): boolean =>
    error instanceof UniqueViolation && error instanceof StatementFailed && error.table === table && !/secret/.test(error.message);

/** Rows that are there already. */
export const unique: readonly Promised[] = [
  named('a statement that a primary key or a unique constraint refuses says so, and names the table', async (store) => {
    await seats(store);
    await store.transaction((tx) => tx.run("insert into seat values ('a', 1, 'ada'), ('a', 2, 'bob')"));
    for (const [what, fail] of Object.entries(ways)) {
      await store.transaction((tx) =>
        assert.rejects(
          tx.savepoint(() => fail(tx)),
          isViolationOf('seat'),
          what,
        ),
      );
      await assert.rejects(store.transaction(fail), isViolationOf('seat'), what);
    }
    const guests = await store.read.all('select guest from seat order by number');
    assert.deepEqual(guests, [{ guest: 'ada' }, { guest: 'bob' }]);
  }),
  named('a statement that is refused otherwise does not say so', async (store) => {
    const wrong: readonly ((tx: Tx) => Promise<unknown>)[] = [(tx) => open(tx, 'a', -1), (tx) => tx.run('insert into nowhere values (1)')];
    for (const fail of wrong)
      await assert.rejects(
        store.transaction(fail),
        (error: unknown) => error instanceof StatementFailed && !(error instanceof UniqueViolation),
      );
  }),
  named('a statement for the commit that a primary key refuses rolls its transaction back, says so, and harms no other', async (store) => {
    await store.transaction((tx) => open(tx, 'a', 1));
    const bad = store.transaction(async (tx) => {
      await open(tx, 'lost', 1);
      tx.runAtCommit(opening, 'a', 2);
    });
    const good = store.transaction((tx) => open(tx, 'good', 1));
    await Promise.all([good, assert.rejects(bad, isViolationOf('account'))]);
    assert.deepEqual(await names(store), ['a', 'good']);
  }),
  named(
    'of two transactions that insert one row with their commits, one commits and the other says that the row is there',
    async (store) => {
      const both = [1, 2].map((n) =>
        store.transaction(async (tx) => {
          await open(tx, `mark ${n}`, 1);
          tx.runAtCommit(opening, 'shared', n);
        }),
      );
      const settled = await Promise.allSettled(both);
      const failed = settled.filter((one) => one.status === 'rejected');
      assert.equal(failed.length, 1);
      assert.ok(isViolationOf('account')(failed[0]?.reason), String(failed[0]?.reason));
      assert.equal((await names(store)).length, 2);
    },
  ),
];
