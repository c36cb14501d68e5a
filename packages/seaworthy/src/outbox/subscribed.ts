import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { Fragment, Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';

/**
 * The types that the processes of one consumer subscribe to. During a rolling deploy their code differs. The subscriptions of a process
 * that is gone are kept, since it may only be restarting, until another process takes them over or housekeeping forgets them.
 */
export interface Subscribed {
  /** Publishes the subscriptions of this process. Resolves once every other process knows them. */
  enter(): Promise<void>;
  /** Publishes them again if another process deleted them because it took this one for dead. */
  renew(): Promise<void>;
  /** Whether another process subscribes to a type, or did so until recently. */
  elsewhere(type: string): Promise<boolean>;
}

export interface SubscribedDeps {
  readonly store: Store<unknown, unknown>;
  readonly runtime: Runtime;
  readonly worker: Worker;
  readonly service: string;
  readonly types: readonly string[];
}

/** How old the knowledge about other processes may be, in milliseconds. */
const freshMs = 200;

/** An SQL condition on rows of `sw_subscription` whose process lives. */
export function livingSubscription(worker: Worker): Fragment {
  const { sql, values } = worker.dead();
  return { sql: `not (${sql})`, values };
}

export function subscribed({ store, runtime, worker, service, types }: SubscribedDeps): Subscribed {
  const { clock } = runtime;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<ReadonlySet<string>> = Promise.resolve(new Set());

  /** Reads the types of all other processes, also of those that are gone. */
  async function read(): Promise<ReadonlySet<string>> {
    const rows = await store.sqlRead.all('select distinct type from sw_subscription where consumer = ? and owner <> ?', service, worker.id);
    return new Set(rows.map((row) => String(row['type'])));
  }

  /** Reads the types of each other living process. */
  async function living(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const { sql, values } = livingSubscription(worker);
    const rows = await store.sqlRead.all(
      `select owner, type from sw_subscription where consumer = ? and owner <> ? and ${sql}`,
      service,
      worker.id,
      ...values,
    );
    const others = new Map<string, Set<string>>();
    for (const row of rows) {
      const owner = String(row['owner']);
      others.set(owner, (others.get(owner) ?? new Set<string>()).add(String(row['type'])));
    }
    return others;
  }

  async function write(): Promise<void> {
    const dead = worker.dead();
    await store.transaction(async (tx) => {
      const sql = store.sql(tx);
      for (const type of types) {
        // This process takes the row over from processes that are gone, so that restarts leave no rows behind.
        await sql.run(
          `delete from sw_subscription where consumer = ? and type = ? and owner <> ? and ${dead.sql}`,
          service,
          type,
          worker.id,
          ...dead.values,
        );
        await sql.run(
          sql.dialect.insertNew({ table: 'sw_subscription', columns: 'consumer, type, owner', key: 'consumer, type, owner' }),
          service,
          type,
          worker.id,
        );
      }
    });
  }

  return {
    async enter() {
      if (types.length === 0) return;
      await write();
      const others = [...(await living()).values()];
      // Until then another process may pass over an event that only this process subscribes to.
      if (others.some((known) => types.some((type) => !known.has(type)))) await sleep(clock, freshMs + 50);
    },
    async renew() {
      const [row] = await store.sqlRead.all(
        'select count(*) as n from sw_subscription where consumer = ? and owner = ?',
        service,
        worker.id,
      );
      if (Number(row?.['n']) < types.length) await write();
    },
    async elsewhere(type) {
      if (clock.monotonic() - readAt >= freshMs) {
        readAt = clock.monotonic();
        reading = read();
        reading.catch(() => {
          readAt = Number.NEGATIVE_INFINITY;
        });
      }
      return (await reading).has(type);
    },
  };
}
