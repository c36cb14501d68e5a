import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { Fragment, Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';

/**
 * What the processes of one consumer subscribe to. While a deploy rolls they are not of the same code. What a process subscribed to
 * is kept when it is gone, since it may only be restarted: until another takes it over, or housekeeping forgets it.
 */
export interface Subscribed {
  /** Tells the others what this process subscribes to. Resolves once each of them knows. */
  enter(): Promise<void>;
  /** Tells them again, if they took this process for dead. */
  renew(): Promise<void>;
  /** Whether another process subscribes to a type, or did until lately. */
  elsewhere(type: string): Promise<boolean>;
}

export interface SubscribedParts {
  readonly store: Store<unknown, unknown>;
  readonly runtime: Runtime;
  readonly worker: Worker;
  readonly service: string;
  readonly types: readonly string[];
}

/** What is known of the others is as old as this at most. */
const freshMs = 200;

/** An SQL condition on rows of `sw_subscription`, and its values: their process lives. */
export function livingSubscription(worker: Worker): Fragment {
  const { sql, values } = worker.dead();
  return { sql: `not (${sql})`, values };
}

export function subscribed({ store, runtime, worker, service, types }: SubscribedParts): Subscribed {
  const { clock } = runtime;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<ReadonlySet<string>> = Promise.resolve(new Set());

  /** The types of all others, also of those that are gone. */
  async function read(): Promise<ReadonlySet<string>> {
    const rows = await store.sqlRead.all('select distinct type from sw_subscription where consumer = ? and owner <> ?', service, worker.id);
    return new Set(rows.map((row) => String(row['type'])));
  }

  /** The types of each other living process. */
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
    const { sql, values } = worker.dead();
    await store.transaction(async (tx) => {
      const own = store.sql(tx);
      for (const type of types) {
        // This process has it from those that are gone, so that restarts leave no rows behind.
        await own.run(
          `delete from sw_subscription where consumer = ? and type = ? and owner <> ? and ${sql}`,
          service,
          type,
          worker.id,
          ...values,
        );
        await own.run(
          own.dialect.insertNew({ table: 'sw_subscription', columns: 'consumer, type, owner', key: 'consumer, type, owner' }),
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
      // Until then another may pass over what only this process knows.
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
