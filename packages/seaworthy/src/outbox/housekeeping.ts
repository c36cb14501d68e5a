import type { Bus } from '../bus/bus.ts';
import { type Loop, loop } from '../core/loop.ts';
import type { Runtime } from '../core/runtime.ts';
import { countUpTo, mostCounted } from '../store/count.ts';
import { isDue, isFar } from '../store/due.ts';
import type { Fragment, Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { deadLetterRow } from './dead-letter.ts';
import { forgetMarks } from './inbox.ts';
import { advance } from './parked.ts';
import { livingSubscription } from './subscribed.ts';
import { cleared } from './suspects.ts';

const [leastMs, mostMs] = [10_000, 60_000];
const atOnce = 500;

interface Parts {
  readonly store: Store<unknown, unknown>;
  readonly bus: Bus;
  readonly runtime: Runtime;
  readonly worker: Worker;
  readonly service: string;
  readonly inboxRetentionMs: number;
  readonly unhandledMs: number;
  /** No event is parked for longer, in milliseconds. */
  readonly longestMs: number;
  /** The types that this process subscribes to. */
  readonly types: readonly string[];
  readonly renew: () => Promise<void>;
}

/**
 * Forgets old marks of the inbox, a few in each transaction, makes events dead letters that no process subscribes to any more, and
 * counts parked events and dead letters for the gauges.
 */
export function housekeeping({
  store,
  bus,
  runtime,
  worker,
  service,
  inboxRetentionMs,
  unhandledMs,
  longestMs,
  types,
  renew,
}: Parts): Loop {
  const { clock, observe } = runtime;
  const attributes = { service };
  const everyMs = Math.min(mostMs, Math.max(leastMs, unhandledMs / 10));
  let parked = 0;
  let dead = 0;
  /** The marks up to this number were checked. */
  let seen = 0;
  /** When each type was first seen without a living subscriber, by the monotonic clock. */
  const since = new Map<string, number>();
  let lookedAt = clock.monotonic();

  const count = (table: string): Promise<number> => countUpTo(store.sqlRead, mostCounted, `${table} where consumer = ?`, service);

  /** A condition on parked events that no living process subscribes to and none has in flight. */
  const unhandled = (): Fragment => {
    const [gone, living] = [worker.dead(), livingSubscription(worker)];
    return {
      sql: `consumer = ? and due is not null and (owner = '' or ${gone.sql})
        and type not in (select type from sw_subscription where consumer = ? and ${living.sql})`,
      values: [service, ...gone.values, service, ...living.values],
    };
  };

  /** Returns the types of parked events and of remembered subscriptions for which no living process subscribes. */
  async function missing(): Promise<ReadonlySet<string>> {
    const [{ sql, values }, living] = [unhandled(), livingSubscription(worker)];
    const parkedTypes = await store.sqlRead.all(`select distinct type from sw_parked where ${sql}`, ...values);
    const gone = await store.sqlRead.all(
      `select distinct type from sw_subscription where consumer = ?
        and type not in (select type from sw_subscription where consumer = ? and ${living.sql})`,
      service,
      service,
      ...living.values,
    );
    return new Set([...parkedTypes, ...gone].map((row) => String(row['type'])).filter((type) => !types.includes(type)));
  }

  /**
   * Gives up the types that have had no subscriber for `unhandledAfter`: their parked events become dead letters, and events that
   * arrive from then on are passed over. True when there may be more of them.
   */
  async function giveUp(): Promise<boolean> {
    const [now, at] = [clock.now(), clock.monotonic()];
    // After a stall of this process, and perhaps of the others, nothing is known about the time between.
    if (at - lookedAt > 3 * everyMs) since.clear();
    lookedAt = at;
    const missed = await missing();
    for (const type of since.keys()) if (!missed.has(type)) since.delete(type);
    for (const type of missed) if (!since.has(type)) since.set(type, at);
    const given = [...since].filter(([, seenAt]) => at - seenAt >= unhandledMs).map(([type]) => type);
    if (given.length === 0) return false;
    const error = `EventRefused: no process of ${service} subscribes to it: subscribe to it and redrive it, or drop it`;
    const [due, far] = [isDue(now), isFar(now, longestMs)];
    const dead = await store.transaction(async (tx) => {
      const sql = store.sql(tx);
      const [still, gone] = [unhandled(), worker.dead()];
      const of = `type in (${given.map(() => '?').join(', ')})`;
      await sql.run(`delete from sw_subscription where consumer = ? and ${of} and ${gone.sql}`, service, ...given, ...gone.values);
      const some = await sql.all(
        `select seq, event, topic, ordering_key, type from sw_parked where ${still.sql} and (${due.sql} or ${far.sql})
          and ${of} order by due limit ${atOnce}`,
        ...still.values,
        ...due.values,
        ...far.values,
        ...given,
      );
      for (const row of some) {
        await deadLetterRow(sql, Number(row['seq']), 'unhandled', error, now);
        await advance(sql, { consumer: service, topic: String(row['topic']), key: String(row['ordering_key']) }, now);
      }
      return some;
    });
    for (const row of dead) {
      observe.log('warn', `${row['type']} became a dead letter`, { id: String(row['event']), service, reason: 'unhandled' });
    }
    return dead.length > 0;
  }

  async function clear(): Promise<boolean> {
    const rows = await store.sqlRead.all(cleared(atOnce));
    if (rows.length === 0) return false;
    await store.transaction(async (tx) => {
      const sql = store.sql(tx);
      for (const row of rows) await sql.run('delete from sw_suspect where consumer = ? and event = ?', row['consumer'], row['event']);
    });
    return rows.length === atOnce;
  }

  const removals = [
    observe.gauge('seaworthy_inbox_parked', attributes, () => parked),
    observe.gauge('seaworthy_inbox_dead_letters', attributes, () => dead),
  ];
  const turns = loop({
    runtime,
    name: 'housekeeping',
    async turn() {
      parked = await count('sw_parked');
      dead = await count('sw_dead_letter');
      await renew();
      const more = [await giveUp(), await clear()].includes(true);
      seen = await forgetMarks({ store, bus, before: clock.now() - inboxRetentionMs, limit: atOnce }, seen);
      return more || seen > 0 ? 0 : everyMs;
    },
  });
  // Other processes may have deleted the subscriptions of one that missed heartbeats.
  const stopListening = worker.onTerm(turns.wake);
  return {
    wake: turns.wake,
    close(signal) {
      stopListening();
      for (const remove of removals) remove();
      return turns.close(signal);
    },
  };
}
