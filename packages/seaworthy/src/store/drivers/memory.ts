import { well } from '../../core/condition.ts';
import { disposable } from '../../core/disposable.ts';
import type { Runtime } from '../../core/runtime.ts';
import { isA } from '../../core/thrown.ts';
import { StoreClosed } from '../errors.ts';
import { readerBy } from '../read-by.ts';
import type { DisposableStoreDriver, Store, Tx } from '../store.ts';
import { Topics } from '../topics.ts';
import { MemoryDatabase } from './memory-database.ts';
import { Conflict, MemoryRun, type RunOptions } from './memory-run.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { migrateSqlite } from './sqlite-migrations.ts';

/**
 * Opens a database in memory for tests, in which transactions interleave. Each transaction keeps the list of its statements, and
 * replays them when another one ran in between. When an outcome differs, it conflicts with a transaction that committed meanwhile, and
 * runs again. It also runs again at random in half of the other cases, as on engines that lock pages or ranges. At `read committed` it
 * runs again only when one of its changes would now come to something else. So code that is correct on it is also correct on an
 * engine with many writers.
 */
export function memory(): DisposableStoreDriver {
  return { open: async (service, runtime) => disposable(openMemory(service, runtime)) };
}

function openMemory(service: string, runtime: Runtime): Store {
  const database = new MemoryDatabase(service, runtime);
  const topics = new Topics(runtime.observe);
  let closing: Promise<void> | undefined;
  let running = 0;
  let idle = (): void => {};
  const refuseClosed = (): void => {
    if (closing) throw new StoreClosed(`the store of ${service} is closed`);
  };

  async function transaction<V>(work: (tx: Tx) => Promise<V>, options: RunOptions): Promise<V> {
    refuseClosed();
    running++;
    try {
      for (;;) {
        if (options.signal?.aborted) throw options.signal.reason;
        const run = new MemoryRun(database, options);
        try {
          const value = await run.commit(work);
          for (const topic of run.notices) topics.notify(topic);
          return value;
        } catch (error) {
          if (!isA(error, Conflict)) throw error;
          runtime.observe.count('seaworthy_store_conflicts_total', { service });
        }
      }
    } finally {
      if (--running === 0) idle();
    }
  }

  const read = readerBy(async (sql, values, signal) => {
    signal?.throwIfAborted();
    refuseClosed();
    return database.read(sql, values);
  });
  return {
    dialect: sqliteDialect,
    read,
    sqlRead: read,
    sql: (tx) => tx,
    condition: () => well,
    now: () => ({ sql: '?', values: [runtime.clock.now()] }),
    listen: (topic, wake) => topics.listen(topic, wake),
    hears: () => true,
    notify: (topic) => topics.notify(topic),
    transaction: (work, options = {}) => transaction(work, options),
    migrate: (migrations) => transaction((tx) => migrateSqlite(tx, migrations), { foreignKeys: false }),
    close() {
      closing ??= (async () => {
        if (running > 0) await new Promise<void>((resolve) => (idle = resolve));
        database.connection.close();
      })();
      return closing;
    },
  };
}
