import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from '../../core/runtime.ts';
import { StoreClosed, StoreUnusable } from '../errors.ts';
import { applyMigrations } from '../migrations.ts';
import type { Store, StoreDriver } from '../store.ts';
import { Connection } from './sqlite-connection.ts';
import { writer } from './sqlite-writer.ts';

/** How hard a commit is: `full` survives a loss of power, `normal` only a crash of the process. Default `full`. */
export type Durability = 'full' | 'normal';

/**
 * Keeps each service's data in an SQLite file of its own, `<dir>/<service>.db`; transactions that wait together commit
 * together. Opening throws `StoreUnusable` when the folder or the file cannot be used.
 */
export function sqlite({ dir, durability = 'full' }: { readonly dir: string; readonly durability?: Durability }): StoreDriver {
  return { open: (service, runtime) => openSqlite(join(dir, `${service}.db`), dir, service, durability, runtime) };
}

async function openSqlite(path: string, dir: string, service: string, durability: Durability, runtime: Runtime): Promise<Store> {
  let write: Connection;
  let read: Connection;
  try {
    mkdirSync(dir, { recursive: true });
    write = new Connection(path);
    write.exec(`pragma journal_mode = wal; pragma synchronous = ${durability}; pragma foreign_keys = on; pragma busy_timeout = 0`);
    read = new Connection(path, true);
  } catch (cause) {
    throw new StoreUnusable(`the database ${path} cannot be opened (${(cause as Error).message}): check the folder and its permissions`, {
      cause,
    });
  }
  const queue = writer(write, service, runtime);
  let closed = false;
  const snapshot: Store['read'] = {
    async all(sql, ...values) {
      if (closed) throw new StoreClosed(`the store of ${service} is closed`);
      return read.all(sql, values);
    },
  };
  const store: Store = {
    dialect: 'sqlite',
    read: snapshot,
    ownRead: snapshot,
    own: (tx) => tx,
    async transaction(work, options) {
      if (closed) throw new StoreClosed(`the store of ${service} is closed`);
      return queue.add(work, options?.signal);
    },
    migrate: (migrations) => store.transaction((tx) => applyMigrations(tx, migrations)),
    async close() {
      if (closed) return;
      closed = true;
      await queue.idle();
      read.close();
      write.close();
    },
  };
  return store;
}
