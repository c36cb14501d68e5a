import { type Condition, well } from '../core/condition.ts';
import { disposable } from '../core/disposable.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import { steady } from './steady.ts';
import type { Fragment, Migration, Store, TransactionOptions, Tx } from './store.ts';

export const workerMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/worker/1',
    statements: ({ types, tableOptions }) => [
      `create table sw_worker (id ${types.key} not null primary key, until ${types.integer} not null, ttl ${types.integer} not null)${tableOptions}`,
      `create table sw_lease (name ${types.key} not null primary key, owner ${types.key} not null)${tableOptions}`,
    ],
  },
];

/** A condition on the column `owner`: its worker is dead. */
export type DeadOwner = Fragment;

/**
 * An SQL condition on the column `owner` of a row whose worker is dead: the worker crashed, since `close` would have removed its
 * heartbeat.
 */
export const crashed = 'owner in (select id from sw_worker)';

/**
 * One process at work on a store. Its heartbeat shows the others that it lives. The rows that it works on carry its id in a column
 * `owner`; another worker takes the rows of a dead one by overwriting that id. The column is the fence: every write has the condition
 * `owner = <its id>`, so that the late writes of a worker that only stalled have no effect.
 */
export interface Worker extends AsyncDisposable {
  readonly id: string;
  /**
   * Returns a condition on rows of dead workers, which never include this one. A heartbeat further ahead than its `ttl` does not count:
   * a wrong clock wrote it. For one `ttl` after this process's own clock jumped, or after a stall, only workers that have closed are dead.
   */
  dead(): DeadOwner;
  /** Takes or keeps the lease `name` in `tx`. False when another living worker has it. It is a fence when every transaction asks for it. */
  holdLease(tx: Tx, name: string): Promise<boolean>;
  /** `failing` once its heartbeat is older than its `ttl`: others may have taken over. */
  condition(): Condition;
  /** Removes the heartbeat, so that other workers take the rows at once. */
  close(): Promise<void>;
}

export interface WorkerOptions {
  /** A worker is dead when its heartbeat is older than this. Default 3 s. */
  readonly ttl?: Duration;
}

/**
 * A heartbeat that is so many ttls off belongs to a dead worker, whatever clock wrote it. A worker that has lived for so long deletes
 * it: by then the rows of the dead worker have been taken over, and other workers have seen how it ended.
 */
const kept = 100;

/**
 * Options of transactions by which other processes judge this one, or whose writes all name their owner. They do not wait for
 * handlers, and the fence is all the isolation that they need.
 */
export const fenced: TransactionOptions = { lane: 'own', isolation: 'read committed' };

/** Registers a worker and keeps its heartbeat going, three beats to a `ttl`; one that fails is tried again at once. */
export async function worker(store: Store<unknown, unknown>, runtime: Runtime, { ttl = '3s' }: WorkerOptions = {}): Promise<Worker> {
  const { clock, ids, observe } = runtime;
  const ttlMs = Math.ceil(milliseconds(ttl, 'ttl'));
  const id = ids.next();
  const steadily = steady(clock, ttlMs);
  let closed = false;
  /** When the last heartbeat was written, monotonic. */
  let beaten = Number.NEGATIVE_INFINITY;
  /** When heartbeats of dead workers are deleted next, monotonic. */
  let pruneAt = clock.monotonic() + kept * ttlMs;

  function dead(): DeadOwner {
    const { sql, values } = store.now();
    return steadily.look()
      ? {
          sql: `owner not in (select ? union all select id from sw_worker where until >= ${sql} and until <= ${sql} + 2 * ttl)`,
          values: [id, ...values, ...values],
        }
      : { sql: 'owner not in (select ? union all select id from sw_worker)', values: [id] };
  }

  async function beat(): Promise<void> {
    const trusted = steadily.look();
    let at = clock.monotonic();
    await store.transaction(async (tx) => {
      const statements = store.sql(tx);
      const { sql, values } = store.now();
      at = clock.monotonic();
      const written = await statements.run(`update sw_worker set until = ${sql} + ? where id = ?`, ...values, ttlMs, id);
      if (written.changes === 0)
        await statements.run(`insert into sw_worker (id, until, ttl) values (?, ${sql} + ?, ?)`, id, ...values, ttlMs, ttlMs);
      if (trusted && at >= pruneAt)
        await statements.run(
          `delete from sw_worker where until < ${sql} - ? or until > ${sql} + ?`,
          ...[...values, kept * ttlMs, ...values, kept * ttlMs],
        );
    }, fenced);
    if (trusted && at >= pruneAt) pruneAt = at + (kept / 5) * ttlMs;
    beaten = at;
    steadily.mark();
  }
  await beat();

  let beating: Promise<void> = Promise.resolve();
  let failures = 0;
  let timer = clock.after(ttlMs / 3, next, { background: true });
  function after(ms: number): void {
    if (!closed) timer = clock.after(ms, next, { background: true });
  }
  function next(): void {
    beating = beat().then(
      () => {
        if (failures > 0) observe.log('info', 'heartbeat written again', { failures });
        failures = 0;
        after(ttlMs / 3);
      },
      (error: unknown) => {
        // It is logged once, since it may go on for long.
        if (++failures === 1) observe.log('error', 'heartbeat failed; retrying. Other processes may take over', { error });
        after(failures === 1 ? 0 : ttlMs / 30);
      },
    );
  }

  return disposable({
    id,
    dead,
    async holdLease(tx: Tx, name: string) {
      const { sql, values } = dead();
      const taken = await tx.run(`update sw_lease set owner = ? where name = ? and (owner = ? or ${sql})`, id, name, id, ...values);
      if (taken.changes > 0) return true;
      const made = await tx.run(tx.dialect.insertNew({ table: 'sw_lease', columns: 'name, owner', key: 'name' }), name, id);
      return made.changes > 0;
    },
    condition(): Condition {
      if (clock.monotonic() - beaten <= ttlMs) return well;
      return { state: 'failing', why: `its heartbeat is older than ${ttl}` };
    },
    async close() {
      closed = true;
      timer.cancel();
      await beating;
      await store.transaction(async (tx) => {
        const statements = store.sql(tx);
        await statements.run('delete from sw_worker where id = ?', id);
      }, fenced);
    },
  });
}
