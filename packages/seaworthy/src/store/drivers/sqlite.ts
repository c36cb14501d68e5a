import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Runtime } from '../../core/runtime.ts';
import { StoreClosed, StoreUnusable } from '../errors.ts';
import { applyMigrations } from '../migrations.ts';
import type { Store, StoreDriver } from '../store.ts';
import { patiently } from './sqlite-busy.ts';
import { Connection } from './sqlite-connection.ts';
import { writer } from './sqlite-writer.ts';

/** How hard a commit is: `full` survives a loss of power, `normal` only a crash of the process. Default `full`. */
export type Durability = 'full' | 'normal';

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

/** How long the lock of another process is waited for where no signal can end the wait: while opening, and in `read`. */
const lockedMs = 10_000;

/**
 * Keeps each service's data in an SQLite file of its own, `<dir>/<service>.db`; transactions that wait together commit
 * together. Opening throws `StoreUnusable` when the folder or the file cannot be used.
 */
export function sqlite({ dir, file, durability = 'full' }: SqliteOptions): StoreDriver {
  return { open: (service, runtime) => openSqlite(file ?? join(dir, `${service}.db`), service, durability, runtime) };
}

/** Opens both connections, or neither. */
function connect(path: string, durability: Durability): { readonly write: Connection; readonly read: Connection } {
  const write = new Connection(path);
  try {
    const [mode] = write.all('pragma journal_mode = wal', []);
    if (mode?.['journal_mode'] !== 'wal') throw new Error('it takes no write-ahead log, which a network file system cannot have');
    write.exec(`pragma synchronous = ${durability}; pragma foreign_keys = on`);
    return { write, read: new Connection(path, true) };
  } catch (error) {
    write.close();
    throw error;
  }
}

async function openSqlite(path: string, service: string, durability: Durability, runtime: Runtime): Promise<Store> {
  /** Other processes that start, or recover the file after a crash, have it to themselves for a moment. */
  const patience = (): { service: string; runtime: Runtime; until: () => boolean } => {
    const end = runtime.clock.monotonic() + lockedMs;
    return { service, runtime, until: () => runtime.clock.monotonic() >= end };
  };
  const { write, read } = await (async () => {
    try {
      mkdirSync(dirname(path), { recursive: true });
      return await patiently(() => connect(path, durability), patience());
    } catch (cause) {
      throw new StoreUnusable(`the database ${path} cannot be opened (${(cause as Error).message}): check the folder and its permissions`, {
        cause,
      });
    }
  })();
  const queue = writer(write, service, runtime);
  let closing: Promise<void> | undefined;
  const refuseClosed = (): void => {
    if (closing) throw new StoreClosed(`the store of ${service} is closed`);
  };
  const snapshot: Store['read'] = {
    async all(sql, ...values) {
      refuseClosed();
      return patiently(() => {
        refuseClosed();
        return read.all(sql, values);
      }, patience());
    },
  };
  const store: Store = {
    dialect: 'sqlite',
    read: snapshot,
    ownRead: snapshot,
    own: (tx) => tx,
    async transaction(work, options) {
      refuseClosed();
      return queue.add(work, options?.signal);
    },
    migrate: (migrations) => store.transaction((tx) => applyMigrations(tx, migrations)),
    close() {
      closing ??= queue.idle().then(() => {
        read.close();
        write.close();
      });
      return closing;
    },
  };
  return store;
}
