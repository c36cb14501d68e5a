import assert from 'node:assert/strict';
import { NotAwaited } from '../../core/open-work.ts';
import { SavepointMisused, StatementFailed, StoreClosed, TransactionOver } from '../errors.ts';
import type { Tx } from '../store.ts';
import { balance, named, names, open, type Promised } from './bank.ts';

const add = (tx: Tx, name: string, amount: number): Promise<unknown> =>
  tx.run('update account set balance = balance + ? where name = ?', amount, name);

/** Transactions, savepoints and values. */
export const transacting: readonly Promised[] = [
  named('a transaction commits all of its statements and gives what its work returned', async (store) => {
    const result = await store.transaction(async (tx) => {
      await open(tx, 'a', 1);
      await open(tx, 'b', 2);
      return (await balance(tx, 'a')) + (await balance(tx, 'b'));
    });
    assert.equal(result, 3);
    assert.equal(await balance(store.read, 'b'), 2);
  }),
  named('an error of its work rejects a transaction, and nothing of it is left', async (store) => {
    const boom = new Error('boom');
    const work = store.transaction(async (tx) => {
      await open(tx, 'a', 1);
      throw boom;
    });
    await assert.rejects(work, boom);
    assert.deepEqual(await names(store), []);
  }),
  named('a savepoint undoes only what was done inside it', async (store) => {
    await store.transaction(async (tx) => {
      await open(tx, 'kept', 1);
      const inner = tx.savepoint(async () => {
        await open(tx, 'lost', 1);
        await tx.savepoint(() => open(tx, 'lost too', 1));
        throw new Error('inside');
      });
      await assert.rejects(inner, /inside/);
      await tx.savepoint(() => open(tx, 'kept too', 1));
    });
    assert.deepEqual(await names(store), ['kept', 'kept too']);
  }),
  named('a level says whether its savepoint, or one around it, was rolled back', async (store) => {
    await store.transaction(async (tx) => {
      const whole = tx.level;
      const levels: (typeof whole)[] = [];
      const outer = tx.savepoint(async () => {
        levels.push(tx.level);
        await tx.savepoint(async () => void levels.push(tx.level));
        assert.equal(tx.level, levels[0]);
        throw new Error('outer');
      });
      await assert.rejects(outer, /outer/);
      await tx.savepoint(async () => void levels.push(tx.level));
      assert.equal(tx.level, whole);
      assert.deepEqual(
        [whole, ...levels].map(({ undone }) => undone),
        [false, true, true, false],
      );
    });
  }),
  named('a refused statement that was not awaited rolls the transaction back by name', async (store) => {
    const refused = (tx: Tx): Promise<unknown> => tx.run('insert into account values (?, ?)', 'secret', -1);
    const stray: Readonly<Record<string, (tx: Tx) => unknown>> = {
      alone: (tx) => void refused(tx),
      'with use of what it gives': (tx) => void refused(tx).then(() => {}),
      'with an end': (tx) => void refused(tx).finally(() => {}),
      'behind another one': (tx) => void open(tx, 'a', 1).then(() => refused(tx)),
      'in a savepoint': (tx) => tx.savepoint(async () => void refused(tx)),
    };
    for (const [how, give] of Object.entries(stray)) {
      const work = store.transaction(async (tx) => {
        await open(tx, 'lost', 1);
        await give(tx);
      });
      const named = (error: unknown): boolean =>
        error instanceof NotAwaited && /insert into account/.test(error.message) && !/secret/.test(error.message);
      await assert.rejects(work, named, how);
    }
    assert.deepEqual(await names(store), []);
    await store.transaction(async (tx) => {
      await open(tx, 'kept', 1);
      await tx.savepoint(() => refused(tx)).catch(() => {});
      await tx.savepoint(() => Promise.all([refused(tx), refused(tx)])).catch(() => {});
    });
    assert.equal(await balance(store.read, 'kept'), 1);
  }),
  named('a statement or savepoint that has not settled when the work ends rolls the transaction back', async (store) => {
    const forever = (): Promise<void> => new Promise(() => {});
    const chained = store.transaction(async (tx) => {
      await open(tx, 'a', 1);
      void open(tx, 'b', 1).then(forever);
    });
    await assert.rejects(chained, NotAwaited);
    const savepoint = store.transaction(async (tx) => {
      await open(tx, 'a', 1);
      void tx.savepoint(forever);
    });
    await assert.rejects(savepoint, SavepointMisused);
    const inside = store.transaction(async (tx) => {
      await tx.savepoint(async () => {
        void open(tx, 'a', 1).then(forever);
      });
    });
    await assert.rejects(inside, NotAwaited);
    assert.deepEqual(await names(store), []);
  }),
  named('statements of a savepoint that fails are undone with it, also those not awaited yet', async (store) => {
    await store.transaction(async (tx) => {
      const work = tx.savepoint(async () => {
        await Promise.all([open(tx, 'a', -1), open(tx, 'b', 1), open(tx, 'c', 1)]);
      });
      await assert.rejects(work, StatementFailed);
      await open(tx, 'kept', 1);
    });
    assert.deepEqual(await names(store), ['kept']);
  }),
  named('a value is what it was when its statement was given', async (store) => {
    await store.migrate([{ name: 'bytes/1', statements: [`create table bytes (b ${store.dialect.types.bytes})`] }]);
    await store.transaction(async (tx) => {
      const bytes = new Uint8Array([1, 2]);
      const given = tx.run('insert into bytes values (?)', bytes);
      tx.runAtCommit('insert into bytes values (?)', bytes);
      bytes.fill(9);
      await given;
    });
    const rows = await store.read.all('select b from bytes');
    assert.deepEqual(
      rows.map(({ b }) => [...(b as Uint8Array)]),
      [
        [1, 2],
        [1, 2],
      ],
    );
  }),
  named('one failing transaction among many harms none of the others', async (store) => {
    await store.transaction((tx) => open(tx, 'a', 0));
    const many = Array.from({ length: 30 }, (_, index) =>
      store.transaction(async (tx) => {
        await add(tx, 'a', 1);
        if (index % 3 === 0) throw new Error('mine');
        if (index % 3 === 1) await tx.run('insert into account values (?, ?)', `negative ${index}`, -1);
      }),
    );
    const settled = await Promise.allSettled(many);
    assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 10);
    assert.equal(await balance(store.read, 'a'), 10);
  }),
  named('no update is lost among transactions that read, then write', async (store) => {
    await store.transaction((tx) => open(tx, 'a', 0));
    const increments = Array.from({ length: 25 }, () =>
      store.transaction(async (tx) => {
        const now = await balance(tx, 'a');
        await tx.run('update account set balance = ? where name = ?', now + 1, 'a');
      }),
    );
    await Promise.all(increments);
    assert.equal(await balance(store.read, 'a'), 25);
  }),
  named('serializable: of two transactions that check the sum before they withdraw, one withdraws (write skew)', async (store) => {
    await store.transaction(async (tx) => {
      await open(tx, 'a', 1);
      await open(tx, 'b', 1);
    });
    const take = (name: string): Promise<unknown> =>
      store.transaction(async (tx) => {
        if ((await balance(tx, 'a')) + (await balance(tx, 'b')) >= 2) await add(tx, name, -1);
      });
    await Promise.all([take('a'), take('b'), take('a'), take('b')]);
    assert.equal((await balance(store.read, 'a')) + (await balance(store.read, 'b')), 1);
  }),
  named('a statement that changes no rows reports none, whatever the one before it changed', async (store) => {
    await store.transaction(async (tx) => {
      assert.deepEqual(await tx.run("insert into account values ('a', 1), ('b', 1), ('c', 1)"), { changes: 3 });
      if (tx.dialect.transactionalDdl) assert.deepEqual(await tx.run('create table other (name text)'), { changes: 0 });
      assert.deepEqual(await tx.run("update account set balance = 2 where name = 'nobody'"), { changes: 0 });
    });
  }),
  named('with transactional DDL, transactions that interleave while each makes its own tables lose nothing of them', async (store) => {
    if (!store.dialect.transactionalDdl) return 'transactional DDL';
    const make = (name: string): Promise<void> =>
      store.transaction(async (tx) => {
        for (const part of [1, 2, 3]) {
          await tx.run(`create table ${name}${part} (n integer)`);
          await tx.run(`create index ${name}${part}_n on ${name}${part} (n)`);
          await tx.run(`insert into ${name}${part} values (1), (2)`);
        }
      });
    await Promise.all(['x', 'y', 'z'].map(make));
    for (const name of ['x', 'y', 'z'])
      for (const part of [1, 2, 3]) assert.equal((await store.read.all(`select n from ${name}${part} order by n`)).length, 2);
  }),
  named('read sees only what is committed', async (store) => {
    await store.transaction(async (tx) => {
      await open(tx, 'a', 1);
      assert.deepEqual(await names(store), []);
    });
    assert.equal(await balance(store.read, 'a'), 1);
  }),
  named('a tx that outlives its work is refused, and the log says so where the refusal is not awaited', async (store, _runtime, logged) => {
    let kept: Tx | undefined;
    await store.transaction(async (tx) => {
      kept = tx;
    });
    await assert.rejects(open(kept as Tx, 'late', 1), TransactionOver);
    void open(kept as Tx, 'later', 1);
    void (kept as Tx).savepoint(async () => {});
    assert.equal(logged.filter((error) => error instanceof TransactionOver).length, 3);
    assert.deepEqual(await names(store), []);
  }),
  named('an abort while the work runs rolls it back', async (store) => {
    const controller = new AbortController();
    const reason = new Error('left');
    const work = store.transaction(
      async (tx) => {
        await open(tx, 'a', 1);
        controller.abort(reason);
        await new Promise(() => {});
      },
      { signal: controller.signal },
    );
    await assert.rejects(work, reason);
    assert.deepEqual(await names(store), []);
    await store.transaction((tx) => open(tx, 'a', 2));
  }),
  named('an abort before its turn means that it never begins', async (store) => {
    let begun = false;
    const work = store.transaction(
      async () => {
        begun = true;
      },
      { signal: AbortSignal.abort(new Error('left')) },
    );
    await assert.rejects(work, /left/);
    assert.equal(begun, false);
  }),
  named('the error of a wrong statement has its text and not its values', async (store) => {
    const work = store.transaction((tx) => tx.run('insert into acount values (?)', 'secret'));
    await assert.rejects(
      work,
      (error: unknown) => error instanceof StatementFailed && /insert into acount/.test(error.message) && !/secret/.test(error.message),
    );
  }),
  named('an empty list is refused', async (store) => {
    await assert.rejects(store.read.all('select name from account where name in ()'), StatementFailed);
  }),
  named('a text with U+0000 in it is refused by name, in a statement and in a query', async (store) => {
    const refused = (error: unknown): boolean => error instanceof StatementFailed && /U\+0000/.test(error.message);
    await assert.rejects(
      store.transaction((tx) => open(tx, 'a\0b', 1)),
      refused,
    );
    await assert.rejects(balance(store.read, 'a\0b'), refused);
    assert.deepEqual(await names(store), []);
  }),
  named('values keep their kinds', async (store) => {
    await store.migrate([
      {
        name: 'kinds/1',
        statements: ({ types: { bytes } }) => [`create table kinds (a text, b bigint, c ${bytes}, d integer, e double precision, f text)`],
      },
    ]);
    const [row = {}] = await store.transaction(async (tx) => {
      await tx.run('insert into kinds values (?, ?, ?, ?, ?, ?)', 'a', 2n ** 60n, new Uint8Array([1, 2]), true, 1.5, undefined);
      return tx.all('select a, b, c, d, e, f from kinds');
    });
    assert.deepEqual({ ...row, c: [...(row['c'] as Uint8Array)] }, { a: 'a', b: 2n ** 60n, c: [1, 2], d: 1, e: 1.5, f: null });
  }),
  named('after close everything is refused; transactions that ran before are finished', async (store) => {
    const last = store.transaction((tx) => open(tx, 'a', 1));
    await store.close();
    await last;
    await assert.rejects(
      store.transaction(async () => {}),
      StoreClosed,
    );
    await assert.rejects(store.read.all('select 1'), StoreClosed);
  }),
];
