import assert from 'node:assert/strict';
import { sleep } from '../../core/sleep.ts';
import { StatementFailed, TransactionOver } from '../errors.ts';
import type { Tx } from '../store.ts';
import { named, names, open, type Promised } from './bank.ts';

const opening = 'insert into account values (?, ?)';

/** Several statements, statements for the commit, notices after it, and lanes. */
export const ending: readonly Promised[] = [
  named('several statements run in their order, and return what each has changed', async (store) => {
    await store.transaction(async (tx) => {
      assert.deepEqual(
        await tx.runAll([
          [opening, 'a', 1],
          [opening, 'b', 2],
          ['update account set balance = balance + ?', 1],
          ['delete from account where balance = 3'],
        ]),
        [{ changes: 1 }, { changes: 1 }, { changes: 2 }, { changes: 1 }],
      );
      assert.deepEqual(await tx.runAll([]), []);
    });
    assert.deepEqual(await names(store), ['a']);
  }),
  named('a statement for the commit runs with it, after all others, with the values that it was given', async (store) => {
    await store.transaction(async (tx) => {
      tx.runAtCommit(opening, 'a', 1);
      tx.runAtCommit('update account set balance = balance + 1');
      assert.deepEqual(await tx.all('select name from account'), []);
      await open(tx, 'b', 1);
    });
    assert.deepEqual(await store.read.all('select name, balance from account order by name'), [
      { name: 'a', balance: 2 },
      { name: 'b', balance: 2 },
    ]);
  }),
  named('a statement for the commit says what it has changed once its transaction has committed', async (store) => {
    const opened = await store.transaction(async (tx) => {
      const all = [tx.runAtCommit(opening, 'a', 1), tx.runAtCommit('update account set balance = 0 where balance > ?', 2)];
      const inner = tx.savepoint(async () => {
        all.push(tx.runAtCommit(opening, 'lost', 1));
        throw new Error('inside');
      });
      await assert.rejects(inner, /inside/);
      await open(tx, 'b', 3);
      all.push(tx.runAtCommit('update account set balance = 4'));
      for (const { changes } of all) assert.equal(changes, undefined);
      return all;
    });
    assert.deepEqual(
      opened.map(({ changes }) => changes),
      [1, 1, undefined, 2],
    );
  }),
  named('a statement for the commit is dropped with its savepoint, and with its transaction', async (store) => {
    await store.transaction(async (tx) => {
      tx.runAtCommit(opening, 'kept', 1);
      const inner = tx.savepoint(async () => {
        tx.runAtCommit(opening, 'lost', 1);
        await tx.savepoint(async () => tx.runAtCommit(opening, 'lost too', 1));
        throw new Error('inside');
      });
      await assert.rejects(inner, /inside/);
      await tx.savepoint(async () => tx.runAtCommit(opening, 'kept too', 1));
    });
    const failing = store.transaction(async (tx) => {
      tx.runAtCommit(opening, 'never', 1);
      throw new Error('outside');
    });
    await assert.rejects(failing, /outside/);
    assert.deepEqual(await names(store), ['kept', 'kept too']);
  }),
  named('a statement for the commit that is refused rolls its transaction back, and no other', async (store) => {
    const good = store.transaction((tx) => open(tx, 'good', 1));
    const bad = store.transaction(async (tx) => {
      await open(tx, 'bad', 1);
      tx.runAtCommit(opening, 'worse', -1);
    });
    await Promise.all([good, assert.rejects(bad, StatementFailed)]);
    assert.deepEqual(await names(store), ['good']);
    let kept: Tx | undefined;
    await store.transaction(async (tx) => {
      kept = tx;
    });
    assert.throws(() => kept?.runAtCommit(opening, 'late', 1), TransactionOver);
  }),
  named(
    'listeners of a topic are notified once its transaction has committed, and not when the transaction or its savepoint is rolled back',
    async (store, { clock }) => {
      const heard: string[] = [];
      const seen: Promise<unknown>[] = [];
      const ends = ['orders', 'bills', 'both'].map((topic) =>
        store.listen(topic, () => {
          heard.push(topic);
          seen.push(names(store));
        }),
      );
      await store.transaction(async (tx) => {
        await open(tx, 'a', 1);
        tx.notify('orders');
        tx.notify('orders');
        await tx
          .savepoint(async () => {
            tx.notify('bills');
            throw new Error('inside');
          })
          .catch(() => {});
        assert.deepEqual(heard, []);
      });
      const failing = store.transaction(async (tx) => {
        tx.notify('bills');
        throw new Error('outside');
      });
      await assert.rejects(failing, /outside/);
      store.notify('both');
      while (!heard.includes('both')) await sleep(clock, 1);
      assert.deepEqual(heard, ['orders', 'both']);
      assert.deepEqual(await Promise.all(seen), [['a'], ['a']]);
      for (const end of ends) end();
      store.notify('orders');
      await store.transaction(async (tx) => tx.notify('orders'));
      assert.equal(heard.length, 2);
    },
  ),
  named('a transaction in a lane of its own does not queue behind those that wait', async (store) => {
    const first = Promise.withResolvers<void>();
    const others = Promise.withResolvers<void>();
    const holding = [
      store.transaction(() => first.promise),
      ...Array.from({ length: 20 }, (_, index) =>
        store.transaction(async (tx) => {
          await open(tx, `other ${index}`, 1);
          await others.promise;
        }),
      ),
    ];
    const urgent = store.transaction((tx) => open(tx, 'urgent', 1), { lane: 'own' });
    first.resolve();
    await urgent;
    others.resolve();
    await Promise.all(holding);
    assert.equal((await names(store)).length, 21);
  }),
  named('a transaction may ask for less isolation', async (store) => {
    for (const isolation of ['serializable', 'repeatable read', 'read committed'] as const)
      await store.transaction((tx) => open(tx, isolation, 1), { isolation });
    assert.equal((await names(store)).length, 3);
  }),
];
