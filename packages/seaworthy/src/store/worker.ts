import { type Duration, milliseconds } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Migration, Store, Tx } from './store.ts';

export const workerMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/worker/1',
    statements: [
      'create table sw_worker (id text not null primary key, until bigint not null)',
      'create table sw_lease (name text not null primary key, owner text not null)',
    ],
  },
];

/** An SQL condition on the column `owner`: its worker is dead. */
export interface Dead {
  readonly sql: string;
  readonly values: readonly [number];
}

/**
 * One process at work on a store. It tells the others by a heartbeat that it lives. What it works on carries its id in a
 * column `owner`; the rows of a dead worker may be taken by writing another id over it. That column is the fence: every
 * write says `where owner = <own id>`, so that a worker which only stalled finds its late writes without effect.
 */
export interface Worker {
  readonly id: string;
  dead(): Dead;
  /** In `tx`: takes or keeps the lease `name`. False when another living worker has it. A fence, if asked in each transaction. */
  leads(tx: Tx, name: string): Promise<boolean>;
  /** Says at once that what it owned is free. */
  close(): Promise<void>;
}

export interface WorkerOptions {
  /** A worker is dead when its heartbeat is older than this. Default 3 s. */
  readonly ttl?: Duration;
}

/** Registers a worker and keeps its heartbeat going, three beats to a `ttl`. */
export async function worker(store: Store<unknown, unknown>, runtime: Runtime, { ttl = '3s' }: WorkerOptions = {}): Promise<Worker> {
  const { clock, ids, observe } = runtime;
  const ttlMs = milliseconds(ttl, 'ttl');
  const id = ids.next();
  let closed = false;
  const dead = (): Dead => ({ sql: 'owner not in (select id from sw_worker where until >= ?)', values: [clock.now()] });

  const beat = (): Promise<void> =>
    store.transaction(async (tx) => {
      const own = store.own(tx);
      await own.run(
        'insert into sw_worker (id, until) values (?, ?) on conflict (id) do update set until = excluded.until',
        id,
        clock.now() + ttlMs,
      );
      // Long dead: nobody takes them for living any more.
      await own.run('delete from sw_worker where until < ?', clock.now() - 100 * ttlMs);
    });
  await beat();

  let beating: Promise<void> = Promise.resolve();
  let timer = clock.after(ttlMs / 3, next, { background: true });
  function next(): void {
    beating = beat()
      .catch((error: unknown) => observe.log('error', 'the heartbeat failed: others may take over', { error }))
      .then(() => {
        if (!closed) timer = clock.after(ttlMs / 3, next, { background: true });
      });
  }

  return {
    id,
    dead,
    async leads(tx, name) {
      const { sql, values } = dead();
      const { changes } = await tx.run(
        `insert into sw_lease (name, owner) values (?, ?)
          on conflict (name) do update set owner = excluded.owner where sw_lease.owner = excluded.owner or sw_lease.${sql}`,
        name,
        id,
        ...values,
      );
      return changes > 0;
    },
    async close() {
      closed = true;
      timer.cancel();
      await beating;
      await store.transaction(async (tx) => {
        const own = store.own(tx);
        await own.run('delete from sw_worker where id = ?', id);
      });
    },
  };
}
