import pg from 'pg';
import { systemClock } from '../../core/clock.ts';
import { disposable } from '../../core/disposable.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { DisposableStoreDriver, Store } from '../store.ts';
import type { PostgresPool } from './postgres-client.ts';
import { Connections } from './postgres-connections.ts';
import { postgresDialect } from './postgres-dialect.ts';
import { migratePostgres } from './postgres-migrations.ts';
import { Notices } from './postgres-notices.ts';
import { type Manner, PostgresSession, quoted } from './postgres-session.ts';
import { settleCommit } from './postgres-settle.ts';
import { type Engine, openRemote } from './remote-store.ts';
import { sharedByStores } from './shared-by-stores.ts';

export type { PostgresPool } from './postgres-client.ts';

export type PostgresOptions = (
  | {
      /** The address, such as `postgres://user:password@host:5432/database`. */
      readonly url: string;
      /** The connections of the process, which its services share. At least 4. Default 14. */
      readonly connections?: number;
      readonly pool?: never;
    }
  | {
      /** A pool of `pg`, for example with a certificate. All of its connections are for this driver; it stays open when the stores close. */
      readonly pool: PostgresPool;
      readonly url?: never;
      readonly connections?: never;
    }
) & {
  /** The schema of a service. Default the name of the service. */
  readonly schema?: (service: string) => string;
  /** Schemas to look in after the service's own, such as those of extensions. Default none. */
  readonly searchPath?: readonly string[];
  /** Whether statements are prepared. False behind a pooler that shares connections between transactions (pgbouncer). Default true. */
  readonly prepare?: boolean;
};

const defaultConnections = 14;

interface Pooled {
  readonly connections: Connections;
  readonly notices: Notices;
}

/**
 * Keeps each service's data in a schema of its own in one PostgreSQL database (13 or newer), by the client `pg`, which the application
 * installs. Opening throws `StoreUnusable` when the database cannot be reached.
 *
 * @example
 * const store = postgres({ url: 'postgres://shop@localhost/shop' });
 */
export function postgres(options: PostgresOptions): DisposableStoreDriver {
  const shared = sharedByStores(async ({ connections, notices }: Pooled) => {
    await notices.close();
    await connections.end();
  });

  function pool(): { readonly pool: PostgresPool; readonly max: number } {
    if (options.pool) return { pool: options.pool, max: options.pool.options?.max ?? 10 };
    const max = options.connections ?? defaultConnections;
    const config = { connectionString: options.url, max, pipeline: true, keepAlive: true, connectionTimeoutMillis: 5000 };
    return { pool: new pg.Pool(config) as unknown as PostgresPool, max };
  }

  function connect(runtime: Runtime): Pooled {
    const { pool: given, max } = pool();
    const connections = new Connections(given, max, options.pool === undefined);
    return { connections, notices: new Notices({ connections, runtime, listens: options.prepare ?? true }) };
  }

  return {
    async open(service, runtime) {
      const { connections, notices } = shared.join(() => connect(runtime));
      try {
        (await connections.connect()).client.release();
      } catch (error) {
        await shared.leave();
        throw error;
      }
      const schema = options.schema?.(service) ?? service;
      const prepare = options.prepare ?? true;
      const manner: Manner = {
        path: [schema, ...(options.searchPath ?? [])].map(quoted).join(', '),
        prepare,
        keepsPath: prepare && options.pool === undefined,
      };
      const { clock, ids } = runtime;
      const store = ids.next();
      const engine: Engine = {
        dialect: postgresDialect,
        lanes: connections.lanes,
        async session(beginning) {
          const { client, standing } = await connections.connect();
          return new PostgresSession({
            client,
            standing,
            manner,
            beginning,
            settle: (id, cause) =>
              settleCommit(
                { id, life: standing.life, cause },
                { service, clock, connect: async () => (await connections.connect()).client },
              ),
            met: (error) => connections.reachability.met(error),
            committed: () => runtime.observe.count('seaworthy_store_commits_total', { service }),
            reached: runtime.reached,
          });
        },
        // Virtual time moves in this process alone.
        now: () =>
          clock === systemClock
            ? { sql: '(extract(epoch from clock_timestamp()) * 1000)::bigint', values: [] }
            : { sql: '?::bigint', values: [clock.now()] },
        condition: () => connections.reachability.condition(),
        migrate: (given, migrations) => migratePostgres(given, schema, migrations),
        announce: (topic) => notices.tell({ from: store, schema, topic }),
        hear: (heard) => notices.hear(schema, { store, heard }),
        hears: () => notices.heard,
        close: () => shared.leave(),
      };
      return disposable<Store>(openRemote({ service, runtime, engine }));
    },
  };
}
