import { type Envelope, parseEnvelope } from '../bus/envelope.ts';
import { asJson } from '../contract/as-json.ts';
import { sentence } from '../contract/schema.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import { readSome } from '../store/read-some.ts';
import type { Row, Store, Tx, Value } from '../store/store.ts';
import type { Reason } from './dead-letter.ts';
import { DeadLetterUnknown, EventInvalid } from './errors.ts';
import type { FailedAttempt } from './history.ts';
import { historyOf, type Line, parkingColumns, reorder } from './parked.ts';
import { parkedTopic } from './topics.ts';

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
  /** Undefined when its row is no event: read `text`. */
  readonly envelope: Envelope | undefined;
  /** The event as it is kept. */
  readonly text: string;
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
  /** Replaces its data, also of one that is unreadable; a redrive checks it against the contract. Throws `DeadLetterUnknown`, and `EventInvalid` for what is not JSON. */
  edit(id: string, data: unknown): Promise<void>;
  /**
   * Gives them back to their handlers, within a key in the order in which they were published, also among events that are parked,
   * with all attempts before them; `notAfter` does not stop them any more. Returns how many. A consumer in
   * another process finds them within its `poll`.
   */
  redrive(filter: DeadLetterFilter): Promise<number>;
  /** Deletes them. Returns how many. */
  drop(filter: DeadLetterFilter): Promise<number>;
}

const atOnce = { rows: 500, bytes: 8 * 2 ** 20 };
const shown = 'event, consumer, topic, ordering_key, type, reason, error, attempts, at';

function readable(text: unknown): Envelope | undefined {
  try {
    return parseEnvelope(String(text));
  } catch {
    return undefined;
  }
}

/** What is known of an event whose own text is lost. */
function rebuilt(id: string, row: Row): Omit<Envelope, 'data'> {
  const type = String(row['type']);
  return {
    specversion: '1.0',
    id,
    source: `/${type.split('.')[0]}`,
    type,
    partitionkey: String(row['ordering_key']),
    time: new Date(Number(row['at']) || 0).toISOString(),
    datacontenttype: 'application/json',
  };
}

const letterOf = (row: Row): DeadLetter => ({
  id: String(row['event']),
  consumer: String(row['consumer']),
  topic: String(row['topic']),
  key: String(row['ordering_key']),
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
    for (const [column, value] of Object.entries({ consumer, type, reason, ordering_key: key })) {
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

  /** In the order of publication, over all of them: what one of these transactions gives back may be handled before the next one. */
  async function redriveSome(tx: Tx, sql: string, values: readonly Value[], now: number): Promise<{ count: number; more: boolean }> {
    const { rows, more } = await readSome(
      tx,
      {
        columns: 'seq, consumer, topic, ordering_key, event',
        size: 'octet_length(envelope) + octet_length(history)',
        from: `sw_dead_letter where ${sql} order by arrival, seq`,
        values,
      },
      atOnce,
    );
    const lines = new Map<string, Line>();
    for (const row of rows) {
      const line = {
        consumer: String(row['consumer']),
        topic: String(row['topic']),
        key: String(row['ordering_key']),
      };
      lines.set(JSON.stringify(line), line);
      await tx.run(
        tx.dialect.insertNew({
          table: 'sw_parked',
          columns: parkingColumns,
          key: 'consumer, event',
          from: `select consumer, event, topic, ordering_key, type, arrival, envelope, 0, history, ?, null, '', 0, 1
            from sw_dead_letter where seq = ?`,
        }),
        now,
        row['seq'],
      );
      await tx.run('delete from sw_dead_letter where seq = ?', row['seq']);
    }
    for (const line of lines.values()) await reorder(tx, line, now);
    tx.tell(parkedTopic);
    return { count: rows.length, more };
  }

  return {
    async list(filter, { limit = 100, offset = 0 } = {}) {
      const { sql, values } = where(filter);
      const rows = await store.sqlRead.all(
        `select ${shown} from sw_dead_letter where ${sql} order by seq limit ? offset ?`,
        ...values,
        limit,
        offset,
      );
      return rows.map(letterOf);
    },
    async summary(filter) {
      const { sql, values } = where(filter);
      const rows = await store.sqlRead.all(
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
      const [row] = await store.sqlRead.all(`select ${shown}, envelope, history from sw_dead_letter where event = ?`, id);
      if (!row) throw unknown(id);
      return {
        ...letterOf(row),
        envelope: readable(row['envelope']),
        text: String(row['envelope']),
        history: historyOf(row['history']),
      };
    },
    async edit(id, given) {
      const json = asJson(given);
      if ('fault' in json) throw new EventInvalid(`the new data of ${id} is not JSON: ${sentence([json.fault])}`, [json.fault]);
      const data = json.value;
      await store.transaction(async (tx) => {
        const own = store.sql(tx);
        const [row] = await own.all('select seq, type, ordering_key, at, envelope from sw_dead_letter where event = ?', id);
        if (!row) throw unknown(id);
        const envelope = { ...(readable(row['envelope']) ?? rebuilt(id, row)), data };
        await own.run('update sw_dead_letter set envelope = ? where seq = ?', JSON.stringify(envelope), row['seq']);
      });
    },
    async redrive(filter) {
      const { sql, values } = where(filter);
      const { clock, reached } = runtime;
      // What dies again during the redrive does not come round again.
      const [newest] = await store.sqlRead.all('select max(seq) as seq from sw_dead_letter');
      const bounded = `(${sql}) and seq <= ?`;
      let count = 0;
      for (let more = true; more; ) {
        reached('inbox/redrive/before');
        const some = await store.transaction((tx) => redriveSome(store.sql(tx), bounded, [...values, newest?.['seq'] ?? 0], clock.now()));
        reached('inbox/redrive/after');
        count += some.count;
        ({ more } = some);
      }
      return count;
    },
    async drop(filter) {
      const { sql, values } = where(filter);
      const { changes } = await store.transaction((tx) => store.sql(tx).run(`delete from sw_dead_letter where ${sql}`, ...values));
      return changes;
    },
  };
}
