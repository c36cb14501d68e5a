import type { Bus } from '../bus/bus.ts';
import type { Store, Tx } from '../store/store.ts';

/** An event that arrived at a consumer. */
export interface Arrived {
  readonly consumer: string;
  readonly topic: string;
  readonly event: string;
  /** Its position in the topic; empty on a bus without positions. */
  readonly position: string;
}

/**
 * Marks an event as taken, in the transaction of its effects. False when it was marked before: then do nothing. The same transaction
 * handles the event, parks it or makes it a dead letter.
 */
export async function mark(tx: Tx, { consumer, topic, event, position }: Arrived, now: number): Promise<boolean> {
  const { changes } = await tx.run(
    tx.dialect.insertNew({ table: 'sw_inbox', columns: 'consumer, event, topic, position, at', key: 'consumer, event' }),
    consumer,
    event,
    topic,
    position,
    now,
  );
  return changes > 0;
}

/** Returns the number of an event's mark. Within a key the numbers grow in the order of publication. */
export async function arrivalOf(tx: Tx, { consumer, event }: Arrived): Promise<number> {
  const [row] = await tx.all('select seq from sw_inbox where consumer = ? and event = ?', consumer, event);
  return Number(row?.['seq'] ?? 0);
}

interface Forgetting {
  readonly store: Store<unknown, unknown>;
  readonly bus: Bus;
  /** Marks from before this time may be forgotten, in milliseconds since the epoch. */
  readonly before: number;
  readonly limit: number;
}

/**
 * Checks up to `limit` marks after the number `after`, and forgets those that are old and no longer needed: the bus cannot redeliver
 * their events, and the events are neither parked nor dead letters. Returns the number after which to continue; 0 when no further
 * mark is old enough.
 */
export async function forgetMarks({ store, bus, before, limit }: Forgetting, after: number): Promise<number> {
  const rows = await store.sqlRead.all(
    'select seq, consumer, topic, position, at from sw_inbox where seq > ? order by seq limit ?',
    after,
    limit,
  );
  const old = rows.filter((row) => Number(row['at']) < before);
  const last = old.at(-1);
  if (!last) return 0;
  const groups = new Map<string, { readonly topic: string; readonly consumer: string; readonly positions: string[] }>();
  for (const row of old) {
    const [topic, consumer, position] = [String(row['topic']), String(row['consumer']), String(row['position'])];
    const name = JSON.stringify([topic, consumer]);
    const group = groups.get(name) ?? { topic, consumer, positions: [] };
    groups.set(name, group);
    if (position !== '') group.positions.push(position);
  }
  const pending = new Map<string, ReadonlySet<string>>();
  for (const [name, { topic, consumer, positions }] of groups) {
    if (positions.length > 0) pending.set(name, await bus.pending(topic, consumer, positions));
  }
  const past = old.filter((row) => !pending.get(JSON.stringify([row['topic'], row['consumer']]))?.has(String(row['position'])));
  if (past.length > 0) {
    const needed = (table: string): string =>
      `exists (select 1 from ${table} other where other.consumer = sw_inbox.consumer and other.event = sw_inbox.event)`;
    await store.transaction((tx) =>
      store.sql(tx).run(
        `delete from sw_inbox where seq in (${past.map(() => '?').join(', ')})
            and not ${needed('sw_parked')} and not ${needed('sw_dead_letter')}`,
        ...past.map((row) => Number(row['seq'])),
      ),
    );
  }
  return old.length === limit ? Number(last['seq']) : 0;
}
