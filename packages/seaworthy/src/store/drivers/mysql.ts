import mysql2 from 'mysql2/promise';
import { systemClock } from '../../core/clock.ts';
import { disposable } from '../../core/disposable.ts';
import { checkOptions } from '../../core/options.ts';
import type { DisposableStoreDriver, Store } from '../store.ts';
import type { MysqlPool } from './mysql-client.ts';
import { Connections, poolOptions } from './mysql-connections.ts';
import { mysqlDialect } from './mysql-dialect.ts';
import { migrateMysql } from './mysql-migrations.ts';
import { MysqlSession } from './mysql-session.ts';
import { type Engine, openRemote } from './remote-store.ts';
import { sharedByStores } from './shared-by-stores.ts';

export type { MysqlPool } from './mysql-client.ts';
export { poolOptions } from './mysql-connections.ts';

export type MysqlOptions = (
  | {
      /** The address, such as `mysql://user:password@host:3306`. */
      readonly url: string;
      /** The connections of the process, which its services share. At least 4. Default 14. */
      readonly connections?: number;
      readonly pool?: never;
    }
  | {
      /**
       * A pool of `mysql2/promise`, for example with a certificate, made with `poolOptions`. All of its connections are for this driver; it
       * stays open when the stores close.
       */
      readonly pool: MysqlPool;
      readonly url?: never;
      readonly connections?: never;
    }
) & {
  /** The database of a service. Default the name of the service. */
  readonly database?: (service: string) => string;
};

const defaultConnections = 14;

/**
 * Keeps each service's data in a database of its own on one server of MySQL (8.0.17 or newer) or MariaDB (10.6 or newer), by the client
 * `mysql2`, which the application installs. Opening throws `StoreUnusable` when the server cannot be reached.
 *
 * @example
 * const store = mysql({ url: 'mysql://shop:secret@localhost:3306' });
 */
export function mysql(options: MysqlOptions): DisposableStoreDriver {
  checkOptions('mysql', options, { url: true, connections: true, pool: true, database: true });
  const shared = sharedByStores((connections: Connections) => connections.end());

  function connect(): Connections {
    if (options.pool) return new Connections(options.pool, options.pool.pool?.config?.connectionLimit ?? 10, false);
    const max = options.connections ?? defaultConnections;
    const pool = mysql2.createPool({ ...poolOptions, uri: options.url, connectionLimit: max, connectTimeout: 5000 });
    return new Connections(pool as unknown as MysqlPool, max, true);
  }

  return {
    async open(service, runtime) {
      const connections = shared.join(connect);
      const database = options.database?.(service) ?? service;
      const { clock } = runtime;
      try {
        const first = await connections.connect();
        connections.release(first);
        const dialect = mysqlDialect(first.flavour);
        const engine: Engine = {
          dialect,
          lanes: connections.lanes,
          session: async (beginning) =>
            new MysqlSession({
              service,
              connected: await connections.connect({ database, isolation: beginning?.isolation }),
              connections,
              committed: () => runtime.observe.count('seaworthy_store_commits_total', { service }),
              reached: runtime.reached,
            }),
          // Virtual time moves in this process alone. A time of the session's zone would be ambiguous for an hour each autumn.
          now: () =>
            clock === systemClock
              ? { sql: "(timestampdiff(microsecond, timestamp '1970-01-01 00:00:00', utc_timestamp(3)) div 1000)", values: [] }
              : { sql: '?', values: [clock.now()] },
          condition: () => connections.reachability.condition(),
          migrate: (_store, migrations) => migrateMysql({ connections, database, dialect }, migrations),
          // The engine has no notices: other processes look now and then.
          announce: () => {},
          hear: () => () => {},
          hears: () => false,
          close: () => shared.leave(),
        };
        return disposable<Store>(openRemote({ service, runtime, engine }));
      } catch (error) {
        await shared.leave();
        throw error;
      }
    },
  };
}
