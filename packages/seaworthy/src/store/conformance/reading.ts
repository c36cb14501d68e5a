import assert from 'node:assert/strict';
import { RowMismatch } from '../errors.ts';
import type { RowSchema } from '../row-schema.ts';
import type { Read } from '../store.ts';
import { named, open, type Promised } from './bank.ts';

interface Account {
  readonly name: string;
  readonly balance: number;
}

/** As a vendor's schema is: it checks each row, and gives another value than it was given. */
const account: RowSchema<Account> = {
  '~standard': {
    validate(value) {
      const { name, balance } = value as Readonly<Record<string, unknown>>;
      if (typeof balance !== 'number') return { issues: [{ message: 'must be a number', path: ['balance'] }] };
      return { value: { name: String(name).toUpperCase(), balance } };
    },
  },
};

/** The same, by promises. */
const slowly: RowSchema<Account> = { '~standard': { validate: async (value) => account['~standard'].validate(value) } };

/** Rows as they are read. */
export const reading: readonly Promised[] = [
  named('rows are plain objects, in a transaction and outside of it', async (store) => {
    const look = async (from: Read): Promise<void> => {
      const [row] = await from.all('select name, balance from account');
      assert.deepEqual(row, { name: 'a', balance: 1 });
      assert.equal(Object.getPrototypeOf(row), Object.prototype);
    };
    await store.transaction(async (tx) => {
      await open(tx, 'a', 1);
      await look(tx);
    });
    await look(store.read);
  }),
  named('rows are read by a schema; one that does not match is named by its place, without its values', async (store) => {
    await store.transaction(async (tx) => {
      await open(tx, 'ada', 1);
      await open(tx, 'bob', 2);
      assert.deepEqual(await tx.all(account, 'select name, balance from account where name = ?', 'bob'), [{ name: 'BOB', balance: 2 }]);
    });
    for (const schema of [account, slowly]) {
      const rows: readonly Account[] = await store.read.all(schema, 'select name, balance from account order by name');
      assert.deepEqual(rows, [
        { name: 'ADA', balance: 1 },
        { name: 'BOB', balance: 2 },
      ]);
      await assert.rejects(
        store.read.all(schema, "select name, case name when 'ada' then 1 else null end as balance from account order by name"),
        {
          name: 'RowMismatch',
          message: /^row 2 of the statement `select .*` does not match its schema \(balance: must be a number\)/,
        },
      );
    }
    await store.transaction(async (tx) => {
      await assert.rejects(tx.all(account, 'select name from account'), RowMismatch);
      // The statement itself was not refused.
      await open(tx, 'kept', 1);
    });
  }),
  named('a read whose signal has aborted rejects with the reason', async (store) => {
    const controller = new AbortController();
    const read = store.read.withSignal(controller.signal);
    assert.deepEqual(await read.all('select name from account'), []);
    const reason = new Error('left');
    controller.abort(reason);
    await assert.rejects(read.all('select name from account'), reason);
    await assert.rejects(read.all(account, 'select name, balance from account'), reason);
    assert.deepEqual(await store.read.all('select name from account'), []);
  }),
];
