import assert from 'node:assert/strict';
import { StatementFailed, TransactionLost } from '../errors.ts';
import type { Tx } from '../store.ts';
import { named, names, open, type Promised } from './bank.ts';

/** Ways to fail: by a constraint, by a wrong text, while reading, and for a wrong number of values. */
const failures: Readonly<Record<string, (tx: Tx) => Promise<unknown>>> = {
  'a change': (tx) => open(tx, 'secret', -1),
  'a wrong change': (tx) => tx.run('insert into nowhere values (1)'),
  'a query': (tx) => tx.all('select name from nowhere'),
  'a missing value': (tx) => tx.all('select name from account where name = ?'),
  'one of several': (tx) => tx.runAll([['insert into account values (?, ?)', 'a', 1], ['insert into nowhere values (1)']]),
};

const isLost = (error: unknown): boolean =>
  error instanceof TransactionLost && error.cause instanceof StatementFailed && !/secret/.test(error.message);

/** A failed statement and its transaction. */
export const losing: readonly Promised[] = [
  named('a statement that fails outside of a savepoint loses its transaction, even if its error is caught', async (store) => {
    for (const [what, fail] of Object.entries(failures)) {
      const work = store.transaction(async (tx) => {
        await open(tx, 'lost', 1);
        await assert.rejects(fail(tx), StatementFailed, what);
      });
      await assert.rejects(work, isLost, what);
      assert.deepEqual(await names(store), [], what);
    }
  }),
  named('a transaction that is lost refuses every later statement by name', async (store) => {
    for (const [what, fail] of Object.entries(failures)) {
      const work = store.transaction(async (tx) => {
        await fail(tx).catch(() => {});
        await assert.rejects(open(tx, 'a', 1), isLost, what);
        await assert.rejects(tx.all('select name from account'), isLost, what);
        await assert.rejects(
          tx.savepoint(() => open(tx, 'a', 1)),
          isLost,
          what,
        );
        assert.throws(() => tx.runAtCommit('insert into account values (?, ?)', 'a', 1), isLost, what);
        throw new Error('the end');
      });
      await assert.rejects(work, /the end/, what);
      assert.deepEqual(await names(store), [], what);
    }
  }),
  named('a statement that fails inside a savepoint loses what is in it, and no more', async (store) => {
    for (const [what, fail] of Object.entries(failures)) {
      await store.transaction(async (tx) => {
        await open(tx, `before ${what}`, 1);
        const inner = tx.savepoint(async () => {
          await open(tx, 'inside', 1);
          await fail(tx).catch(() => {});
          await assert.rejects(open(tx, 'late', 1), isLost, what);
        });
        await assert.rejects(inner, isLost, what);
        await open(tx, `after ${what}`, 1);
      });
    }
    assert.deepEqual(
      await names(store),
      Object.keys(failures)
        .flatMap((what) => [`after ${what}`, `before ${what}`])
        .toSorted(),
    );
  }),
  named('of statements that are given at once, those after a failed one are refused and have no effect', async (store) => {
    await store.transaction(async (tx) => {
      const inner = tx.savepoint(async () => {
        const settled = await Promise.allSettled([open(tx, 'a', 1), open(tx, 'b', -1), open(tx, 'c', 1)]);
        assert.deepEqual(
          settled.map(({ status }) => status),
          ['fulfilled', 'rejected', 'rejected'],
        );
      });
      await assert.rejects(inner, isLost);
      await tx
        .savepoint(() => Promise.all([open(tx, 'a', 1), open(tx, 'b', -1), open(tx, 'c', 1)]))
        .catch((error: unknown) => assert.ok(error instanceof StatementFailed));
      await open(tx, 'kept', 1);
    });
    assert.deepEqual(await names(store), ['kept']);
  }),
];
