import { join } from 'node:path';
import { disposable } from '../../core/disposable.ts';
import { checkOptions } from '../../core/options.ts';
import type { DisposableStoreDriver } from '../store.ts';
import { type Durability, openSqlite } from './sqlite-store.ts';

export type { Durability } from './sqlite-store.ts';

export type SqliteOptions = (
  | {
      /** A folder, with a file `<service>.db` for each service. */
      readonly dir: string;
      readonly file?: never;
    }
  | {
      /** The file of the one service that is opened with this driver. */
      readonly file: string;
      readonly dir?: never;
    }
) & { readonly durability?: Durability };

/**
 * Keeps each service's data in an SQLite file of its own, `<dir>/<service>.db`; transactions that wait together commit
 * together. Opening throws `StoreUnusable` when the folder or the file cannot be used.
 */
export function sqlite(options: SqliteOptions): DisposableStoreDriver {
  checkOptions('sqlite', options, { dir: true, file: true, durability: true });
  const { dir, file, durability = 'full' } = options;
  return {
    open: async (service, runtime) => disposable(await openSqlite(file ?? join(dir, `${service}.db`), service, durability, runtime)),
  };
}
