import type { Envelope } from '../bus/envelope.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Row, Store, Tx, Value } from '../store/store.ts';
import type { Reason } from './dead-letter.ts';
import { DeadLetterUnknown } from './errors.ts';
import type { FailedAttempt } from './history.ts';
import { advance, type Line } from './parked.ts';

/** An event that its consumer gave up on, as a list shows it. */
export interface DeadLetter {
  /** The event's own id. */
  readonly id: string;
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
  /** Contract and event: `orders.orderCancelled`. */
  readonly type: string;
  readonly reason: Reason;
  /** The last one, as name and message. */
  readonly error: string;
  readonly attempts: number;
  /** When it was given up, in milliseconds since the epoch. */
  readonly at: number;
}

/** The same, with all that is known of it. */
export interface DeadLetterDetail extends DeadLetter {
  readonly envelope: Envelope;
  readonly history: readonly FailedAttempt[];
}

/** Which of them. Everything that is given must hold. */
export interface DeadLetterFilter {
  readonly consumer?: string;
  readonly type?: string;
  readonly reason?: Reason;
  readonly key?: string;
  readonly ids?: readonly string[];
  /** Given up at least so long ago. */
  readonly olderThan?: Duration;
}

/** The dead letters of one service's store. Every change is one transaction. */
export interface DeadLetters {
  /** The oldest first. Default the first 100 of them. */
  list(filter?: DeadLetterFilter, page?: { readonly limit?: number; readonly offset?: number }): Promise<readonly DeadLetter[]>;
  /** How many of each type and reason. */
  summary(filter?: DeadLetterFilter): Promise<
    readonly {
      readonly type: string;
      readonly reason: Reason;
      readonly count: number;
    }[]
  >;
  /** Throws `DeadLetterUnknown`. */
  show(id: string): Promise<DeadLetterDetail>;
  /** Replaces its data; a redrive checks it against the contract. Throws `DeadLetterUnknown`. */
  edit(id: string, data: unknown): Promise<void>;
  /**
   * Gives them back to their handlers, in the order in which they died, with all attempts before them; events of the same
   * key that came meanwhile and wait go first. Returns how many. Wake the consumer, or it finds them by itself within its `poll`.
   */
  redrive(filter: DeadLetterFilter): Promise<number>;
  /** Deletes them. Returns how many. */
  drop(filter: DeadLetterFilter): Promise<number>;
}

const atOnce = 500;

const letterOf = (row: Row): DeadLetter => ({
  id: String(row['event']),
  consumer: String(row['consumer']),
  topic: String(row['topic']),
  key: String(row['key']),
  type: String(row['type']),
  reason: String(row['reason']) as Reason,
  error: String(row['error']),
  attempts: Number(row['attempts']),
  at: Number(row['at']),
});

export function deadLetters(store: Store<unknown, unknown>, runtime: Runtime): DeadLetters {
  const { clock } = runtime;

  function where({ consumer, type, reason, key, ids, olderThan }: DeadLetterFilter = {}): {
    readonly sql: string;
    readonly values: readonly Value[];
  } {
    const terms: string[] = ['1 = 1'];
    const values: Value[] = [];
    for (const [column, value] of Object.entries({
      consumer,
      type,
      reason,
      key,
    })) {
      if (value === undefined) continue;
      terms.push(`${column} = ?`);
      values.push(value);
    }
    if (ids) {
      terms.push(ids.length > 0 ? `event in (${ids.map(() => '?').join(', ')})` : '1 = 0');
      values.push(...ids);
    }
    if (olderThan !== undefined) {
      terms.push('at <= ?');
      values.push(clock.now() - milliseconds(olderThan, 'olderThan'));
    }
    return { sql: terms.join(' and '), values };
  }

  const unknown = (id: string): DeadLetterUnknown =>
    new DeadLetterUnknown(`there is no dead letter ${id}: it may have been redriven or dropped; list them to see`);

  /** The redriven wait like events that came just now, so that what is parked before them stays before them. */
  async function redriveSome(tx: Tx, sql: string, values: readonly Value[], limit: number, now: number): Promise<number> {
    const rows = await tx.all(
      `select seq, consumer, topic, key, event from sw_dead_letter where ${sql} order by seq limit ?`,
      ...values,
      limit,
    );
    const lines = new Map<string, Line>();
    for (const row of rows) {
      const line = {
        consumer: String(row['consumer']),
        topic: String(row['topic']),
        key: String(row['key']),
      };
      lines.set(JSON.stringify(line), line);
      await tx.run(
        `insert into sw_parked (consumer, event, topic, key, type, envelope, attempts, history, at, due, owner)
          select consumer, event, topic, key, type, envelope, 0, history, ?, null, '' from sw_dead_letter where seq = ?
          on conflict (consumer, event) do nothing`,
        now,
        row['seq'],
      );
      await tx.run('delete from sw_dead_letter where seq = ?', row['seq']);
    }
    for (const line of lines.values()) await advance(tx, line, now);
    return rows.length;
  }

  return {
    async list(filter, { limit = 100, offset = 0 } = {}) {
      const { sql, values } = where(filter);
      const rows = await store.ownRead.all(
        `select * from sw_dead_letter where ${sql} order by seq limit ? offset ?`,
        ...values,
        limit,
        offset,
      );
      return rows.map(letterOf);
    },
    async summary(filter) {
      const { sql, values } = where(filter);
      const rows = await store.ownRead.all(
        `select type, reason, count(*) as n from sw_dead_letter where ${sql} group by type, reason order by type, reason`,
        ...values,
      );
      return rows.map((row) => ({
        type: String(row['type']),
        reason: String(row['reason']) as Reason,
        count: Number(row['n']),
      }));
    },
    async show(id) {
      const [row] = await store.ownRead.all('select * from sw_dead_letter where event = ?', id);
      if (!row) throw unknown(id);
      return {
        ...letterOf(row),
        envelope: JSON.parse(String(row['envelope'])) as Envelope,
        history: JSON.parse(String(row['history'])) as readonly FailedAttempt[],
      };
    },
    async edit(id, data) {
      await store.transaction(async (tx) => {
        const own = store.own(tx);
        const [row] = await own.all('select seq, envelope from sw_dead_letter where event = ?', id);
        if (!row) throw unknown(id);
        const envelope = {
          ...(JSON.parse(String(row['envelope'])) as Envelope),
          data,
        };
        await own.run('update sw_dead_letter set envelope = ? where seq = ?', JSON.stringify(envelope), row['seq']);
      });
    },
    async redrive(filter) {
      const { sql, values } = where(filter);
      const { clock, reached } = runtime;
      // What dies again during the redrive does not come round again.
      const [newest] = await store.ownRead.all('select max(seq) as seq from sw_dead_letter');
      const bounded = `(${sql}) and seq <= ?`;
      let count = 0;
      for (let more = true; more; ) {
        reached('inbox/redrive/before');
        const some = await store.transaction((tx) =>
          redriveSome(store.own(tx), bounded, [...values, newest?.['seq'] ?? 0], atOnce, clock.now()),
        );
        reached('inbox/redrive/after');
        count += some;
        more = some === atOnce;
      }
      return count;
    },
    async drop(filter) {
      const { sql, values } = where(filter);
      const { changes } = await store.transaction((tx) => store.own(tx).run(`delete from sw_dead_letter where ${sql}`, ...values));
      return changes;
    },
  };
}
