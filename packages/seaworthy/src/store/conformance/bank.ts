import type { Runtime } from '../../core/runtime.ts';
import type { Migration, Store, Tx } from '../store.ts';

/** A promise of the port: `store` has the table of accounts. */
export interface Promised {
  readonly name: string;
  /** Resolves with the name of a feature that the driver lacks when the case does not concern it. `logged` has the errors that were logged. */
  readonly body: (store: Store, runtime: Runtime, logged: readonly unknown[]) => Promise<string | void>;
}

export const named = (name: string, body: Promised['body']): Promised => ({ name, body });

export const accounts: Migration = {
  name: 'bank/1',
  statements: ({ types: { integer, key }, tableOptions }) => [
    `create table account (name ${key} not null primary key, balance ${integer} not null check (balance >= 0))${tableOptions}`,
  ],
};

export const balance = async (read: Pick<Tx, 'all'>, name: string): Promise<number> =>
  Number((await read.all('select balance from account where name = ?', name))[0]?.['balance']);

/** The names of all accounts, in their order. */
export const names = async ({ read }: Store): Promise<readonly unknown[]> =>
  (await read.all('select name from account order by name')).map(({ name }) => name);

export const open = (tx: Tx, name: string, amount: number): Promise<unknown> => tx.run('insert into account values (?, ?)', name, amount);
