import { type Condition, well } from '../core/condition.ts';
import { disposable } from '../core/disposable.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Loop } from '../core/loop.ts';
import { checkOptions } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import { vital } from './fenced.ts';
import { heartbeat } from './heartbeat.ts';
import { steady } from './steady.ts';
import type { Fragment, Migration, Store, TransactionOptions, Tx } from './store.ts';
import { Topics, workerTopic } from './topics.ts';
import { livingRow, watch } from './watch.ts';

export const workerMigrations: readonly Migration[] = [
  {
    name: 'seaworthy/worker/1',
    statements: ({ types, hotTableOptions }) => [
      `create table sw_worker (id ${types.key} not null primary key, until ${types.integer} not null, ttl ${types.integer} not null)${hotTableOptions}`,
      `create table sw_lease (name ${types.key} not null primary key, owner ${types.key} not null)${hotTableOptions}`,
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
   * Returns the number of the current term. A term lasts until a heartbeat is missed, by this process's own clocks: as long as it lasts no
   * other worker takes what this one has. `undefined` from then until the next heartbeat is written. Before work begins that two processes
   * must not do at once, compare the term with the one in which the work was found.
   */
  term(): number | undefined;
  /** Calls `resume` when a new term begins. Returns a function that ends this. */
  onTerm(resume: () => void): () => void;
  /** Calls `notice` soon after another worker has closed or died, and perhaps at other times. Returns a function that ends this. */
  onGone(notice: () => void): () => void;
  /**
   * Returns a condition on rows of dead workers, which never include this one. A heartbeat further ahead than its `ttl` does not count:
   * a wrong clock wrote it. For one `ttl` after this process's own clock jumped, or after a stall, only workers that have closed are dead.
   */
  dead(): DeadOwner;
  /** Returns a condition without a column: the worker `id` is dead, as `dead` says it. It is also dead when there is no such worker. */
  isDead(id: string): Fragment;
  /** Takes or keeps the lease `name` in `tx`. False when another living worker has it. It is a fence when every transaction asks for it. */
  holdLease(tx: Tx, name: string): Promise<boolean>;
  /** Returns whether another living worker has the lease `name`: then there is no point in asking for it. */
  isLeasedElsewhere(name: string): Promise<boolean>;
  /** `failing` once its heartbeat is older than its `ttl`: others may have taken over. */
  condition(): Condition;
  /** Removes the heartbeat, so that other workers take the rows at once. */
  close(): Promise<void>;
}

export interface WorkerOptions {
  /** A worker is dead when its heartbeat is older than this. Default 3 s. */
  readonly ttl?: Duration;
}

/** Options of a heartbeat: the next one replaces it, so it need not survive a loss of power. */
const fleeting: TransactionOptions = { ...vital, durable: false };

/** Registers a worker and keeps its heartbeat going. */
export async function worker(store: Store<unknown, unknown>, runtime: Runtime, options: WorkerOptions = {}): Promise<Worker> {
  checkOptions('worker', options, { ttl: true });
  const { ttl = '3s' } = options;
  const { clock, ids, observe } = runtime;
  const ttlMs = Math.ceil(milliseconds(ttl, 'ttl'));
  const id = ids.next();
  const steadily = steady(clock, ttlMs);
  const events = new Topics(observe);
  const beats = await heartbeat({ store, runtime, id, ttlMs, steadily, options: fleeting, renewed: () => events.notify('term') });
  let watching: Loop | undefined;

  /** Returns a condition on rows of `sw_worker` that no other worker takes anything from. */
  function spared(): Fragment {
    const now = store.now();
    return steadily.look() ? livingRow(now) : { sql: '1 = 1', values: [] };
  }

  function dead(): DeadOwner {
    const { sql, values } = spared();
    return { sql: `owner not in (select ? union all select id from sw_worker where ${sql})`, values: [id, ...values] };
  }

  return disposable({
    id,
    term: beats.term,
    onTerm: (resume: () => void) => events.listen('term', resume),
    onGone(notice: () => void) {
      watching ??= watch({ store, runtime, id, ttlMs, steadily, gone: () => events.notify('gone') });
      return events.listen('gone', notice);
    },
    dead,
    isDead(other: string) {
      if (other === id) return { sql: '1 = 0', values: [] };
      const { sql, values } = spared();
      return { sql: `not exists (select 1 from sw_worker where id = ? and ${sql})`, values: [other, ...values] };
    },
    async holdLease(tx: Tx, name: string) {
      const { sql, values } = dead();
      const taken = await tx.run(`update sw_lease set owner = ? where name = ? and (owner = ? or ${sql})`, id, name, id, ...values);
      if (taken.changes > 0) return true;
      const made = await tx.run(tx.dialect.insertNew({ table: 'sw_lease', columns: 'name, owner', key: 'name' }), name, id);
      return made.changes > 0;
    },
    async isLeasedElsewhere(name: string) {
      const { sql, values } = dead();
      const elsewhere = `select 1 as taken from sw_lease where name = ? and owner <> ? and not (${sql})`;
      return (await store.sqlRead.all(elsewhere, name, id, ...values)).length > 0;
    },
    condition(): Condition {
      if (beats.ageMs <= ttlMs) return well;
      return { state: 'failing', why: `its heartbeat is older than ${ttl}` };
    },
    async close() {
      await watching?.close();
      await beats.close();
      await store.transaction(async (tx) => {
        const statements = store.sql(tx);
        statements.runAtCommit('delete from sw_worker where id = ?', id);
        statements.notify(workerTopic);
      }, vital);
    },
  });
}
