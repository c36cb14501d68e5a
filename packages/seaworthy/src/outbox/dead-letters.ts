import { type Envelope, parseEnvelope } from '../bus/envelope.ts';
import { asJson } from '../contract/as-json.ts';
import { sentence } from '../contract/schema.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { checkOptions, type OptionNames } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import { readSome } from '../store/read-some.ts';
import type { Row, Store, Tx, Value } from '../store/store.ts';
import type { Reason } from './dead-letter.ts';
import { DeadLetterUnknown, EventInvalid } from './errors.ts';
import type { FailedAttempt } from './history.ts';
import { historyOf, type OrderingKey, parkingColumns, reorder } from './parked.ts';
import { parkedTopic } from './topics.ts';

/** An event that its consumer has given up, as a list shows it. */
export interface DeadLetter {
  /** The id of the event. */
  readonly id: string;
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
  /** Contract and event: `orders.orderCancelled`. */
  readonly type: string;
  readonly reason: Reason;
  /** The last error, as name and message. */
  readonly error: string;
  readonly attempts: number;
  /** When it became a dead letter, in milliseconds since the epoch. */
  readonly at: number;
}

/** A dead letter with its event and its history. */
export interface DeadLetterDetail extends DeadLetter {
  /** Undefined when the text is not an event: read `text`. */
  readonly envelope: Envelope | undefined;
  /** The event as it is stored. */
  readonly text: string;
  readonly history: readonly FailedAttempt[];
}

/** Selects dead letters. Each given condition must hold. */
export interface DeadLetterFilter {
  readonly consumer?: string;
  readonly type?: string;
  readonly reason?: Reason;
  readonly key?: string;
  readonly ids?: readonly string[];
  /** It became a dead letter at least so long ago. */
  readonly olderThan?: Duration;
}

const filterNames: OptionNames<DeadLetterFilter> = { consumer: true, type: true, reason: true, key: true, ids: true, olderThan: true };

/** The dead letters in the store of one service. */
export interface DeadLetters {
  /** Lists dead letters, the oldest first. Default the first 100 of them. */
  list(filter?: DeadLetterFilter, page?: { readonly limit?: number; readonly offset?: number }): Promise<readonly DeadLetter[]>;
  /** Counts the dead letters of each type and reason. */
  summary(filter?: DeadLetterFilter): Promise<
    readonly {
      readonly type: string;
      readonly reason: Reason;
      readonly count: number;
    }[]
  >;
  /** Returns one dead letter with its event and its history. Throws `DeadLetterUnknown`. */
  show(id: string): Promise<DeadLetterDetail>;
  /**
   * Replaces the data of an event, also of one that is unreadable. A redrive checks the data against the contract. Throws
   * `DeadLetterUnknown`, and `EventInvalid` for data that is not JSON or has a text that not every database keeps.
   */
  edit(id: string, data: unknown): Promise<void>;
  /**
   * Gives dead letters back to their handlers, with all attempts before them and although they may have expired. Within a key they
   * are handled in the order of publication, also among parked events. Returns their number. A consumer in another process finds them
   * within its `poll`, or at once where its store hears other processes.
   */
  redrive(filter: DeadLetterFilter): Promise<number>;
  /** Deletes dead letters. Returns their number. */
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

/** Builds the envelope of an event whose text is not readable, from the columns of its row. */
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

  function where(filter: DeadLetterFilter = {}): { readonly sql: string; readonly values: readonly Value[] } {
    // Without a condition that was misspelt, a filter would select more, or all.
    checkOptions('a filter of dead letters', filter, filterNames);
    const { consumer, type, reason, key, ids, olderThan } = filter;
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
    new DeadLetterUnknown(`the dead letter ${id} was not found; it may have been redriven or dropped: list the dead letters`);

  /** Redrives some dead letters in the order of publication: the events of this transaction may be handled before the next one begins. */
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
    const keys = new Map<string, OrderingKey>();
    for (const row of rows) {
      const orderingKey = {
        consumer: String(row['consumer']),
        topic: String(row['topic']),
        key: String(row['ordering_key']),
      };
      keys.set(JSON.stringify(orderingKey), orderingKey);
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
    for (const orderingKey of keys.values()) await reorder(tx, orderingKey, now);
    tx.notify(parkedTopic);
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
      const json = asJson(given, { storable: true });
      if ('fault' in json) throw new EventInvalid(`the new data of ${id} cannot be published: ${sentence([json.fault])}`, [json.fault]);
      const data = json.value;
      await store.transaction(async (tx) => {
        const sql = store.sql(tx);
        const [row] = await sql.all('select seq, type, ordering_key, at, envelope from sw_dead_letter where event = ?', id);
        if (!row) throw unknown(id);
        const envelope = { ...(readable(row['envelope']) ?? rebuilt(id, row)), data };
        await sql.run('update sw_dead_letter set envelope = ? where seq = ?', JSON.stringify(envelope), row['seq']);
      });
    },
    async redrive(filter) {
      const { sql, values } = where(filter);
      const { clock, reached } = runtime;
      // An event that becomes a dead letter again during the redrive is not redriven a second time.
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
