import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { orAborted } from '../../core/abort.ts';
import { inTurn } from '../../core/ends.ts';
import type { Runtime } from '../../core/runtime.ts';
import { StoreClosed, StoreUnusable } from '../errors.ts';
import { readerBy } from '../read-by.ts';
import type { Store } from '../store.ts';
import { Topics } from '../topics.ts';
import { retryWhileBusy } from './sqlite-busy.ts';
import { Connection } from './sqlite-connection.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { files } from './sqlite-files.ts';
import { migrateSqlite } from './sqlite-migrations.ts';
import { type Standing, standing } from './sqlite-standing.ts';
import { Writer } from './sqlite-writer.ts';
import { type Disk, walSync } from './wal-sync.ts';

/** How durable a commit is: `full` survives a loss of power, `normal` only a crash of the process. Default `full`. */
export type Durability = 'full' | 'normal';

/** The log usually restarts after 4 MiB. */
const logBytes = 16 * 2 ** 20;

/** The longest wait for the lock of another process where no signal can end the wait: while opening, and in `read`. */
const lockedMs = 10_000;

/** Opens both connections, or neither. */
function connect(path: string, { met }: Standing): { readonly write: Connection; readonly read: Connection } {
  const write = new Connection(path, false, (error) => met('write', error));
  try {
    if (!write.writeAhead()) throw new Error('SQLite refuses to use a write-ahead log there, as it does on a network file system');
    // For `full` the log is flushed after each commit, see wal-sync.ts.
    // A long read lets the log grow; once the log restarts its file is truncated to the limit.
    write.exec(`pragma synchronous = normal; pragma temp_store = memory; pragma journal_size_limit = ${logBytes}`);
    write.foreignKeys(true);
    return { write, read: new Connection(path, true, (error) => met('read', error)) };
  } catch (error) {
    write.close();
    throw error;
  }
}

/** Opens the file `path` for `service`, on `disk`. */
export async function openSqlite(path: string, service: string, durability: Durability, runtime: Runtime, disk?: Disk): Promise<Store> {
  /** Retries while another process starts, or recovers the file after a crash, and has it locked. */
  const patience = (): { service: string; runtime: Runtime; until: () => boolean } => {
    const end = runtime.clock.monotonic() + lockedMs;
    return { service, runtime, until: () => runtime.clock.monotonic() >= end };
  };
  const stands = standing(service, runtime);
  const { write, read } = await (async () => {
    try {
      mkdirSync(dirname(path), { recursive: true });
      return await retryWhileBusy(() => connect(path, stands), patience());
    } catch (cause) {
      throw new StoreUnusable(`the database ${path} cannot be opened (${(cause as Error).message}): check the folder and its permissions`, {
        cause,
      });
    }
  })();
  const { clock } = runtime;
  const opened = files(path, clock);
  const durable = durability === 'full' ? walSync({ path: opened.path, write, standing: stands, clock, disk }) : undefined;
  const topics = new Topics(runtime.observe);
  const queue = new Writer({ connection: write, log: durable, files: opened, standing: stands, topics, service, runtime });
  let closing: Promise<void> | undefined;
  const refuseClosed = (): void => {
    if (closing) throw new StoreClosed(`the store of ${service} is closed`);
  };
  const reading = readerBy(async (sql, values, signal) => {
    signal?.throwIfAborted();
    refuseClosed();
    const { until, ...patient } = patience();
    const { rows, flushed } = await retryWhileBusy(
      () => {
        signal?.throwIfAborted();
        refuseClosed();
        stands.check();
        const rows = read.all(sql, values);
        stands.worked('read');
        // The read may have seen a commit from a moment ago, so this comes after it.
        return { rows, flushed: durable?.flushedForReaders() };
      },
      { ...patient, until: () => signal?.aborted === true || until() },
    );
    // A reader must not see a commit that may still be lost.
    if (flushed) await (signal ? orAborted(flushed, signal) : flushed).catch(() => {}); // it has broken the store
    signal?.throwIfAborted();
    stands.check();
    return rows;
  });
  const store: Store = {
    dialect: sqliteDialect,
    read: reading,
    sqlRead: reading,
    sql: (tx) => tx,
    condition: stands.condition,
    listen: (topic, wake) => topics.listen(topic, wake),
    hears: () => false,
    notify: (topic) => topics.notify(topic),
    now: () => ({ sql: '?', values: [clock.now()] }),
    async transaction(work, options) {
      refuseClosed();
      return queue.add(work, options ?? {});
    },
    async migrate(migrations) {
      refuseClosed();
      await queue.add((tx) => migrateSqlite(tx, migrations), { foreignKeys: false });
    },
    close() {
      closing ??= queue.idle().then(async () => {
        await inTurn(
          () => durable?.close(),
          async () => read.close(),
          async () => write.close(),
        );
      });
      return closing;
    },
  };
  return store;
}
