import type { Bus } from '../bus/bus.ts';
import { type Envelope, parseEnvelope } from '../bus/envelope.ts';
import { EventsRefused } from '../bus/errors.ts';
import { disposable } from '../core/disposable.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { loop } from '../core/loop.ts';
import { checkOptions, type OptionNames } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import { textOf } from '../core/thrown.ts';
import { type TraceContext, traceOf } from '../core/trace.ts';
import { vital } from '../store/fenced.ts';
import { readSome } from '../store/read-some.ts';
import { restMs } from '../store/rest.ts';
import type { Row, Store, Tx } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import { outboxTopic } from './topics.ts';

export interface RelayOptions {
  /** How many events are published at once. Default 512. */
  readonly batch?: number;
  /**
   * How often the relay looks for events that other processes wrote, and for a lease that became free, when nothing wakes it. Default 10 s
   * while the store hears other processes, else 1 s.
   */
  readonly poll?: Duration;
}

export const relayNames: OptionNames<RelayOptions> = { batch: true, poll: true };
const depsNames: OptionNames<RelayDeps> = { ...relayNames, store: true, bus: true, runtime: true, worker: true, service: true };

export interface RelayDeps extends RelayOptions {
  readonly store: Store<unknown, unknown>;
  readonly bus: Bus;
  readonly runtime: Runtime;
  readonly worker: Worker;
  /** The service whose outbox it is; the topic has the same name. */
  readonly service: string;
}

/** Publishes the events of one outbox to the bus. */
export interface Relay extends AsyncDisposable {
  /** Publishes nothing new and waits for the batch in flight, until `signal` aborts. The next relay publishes the rest. */
  close(signal?: AbortSignal): Promise<void>;
}

/** Returns placeholders whose number is a power of two, and the values for them, so that few statements are prepared. */
function placeholders(values: readonly number[]): {
  readonly marks: string;
  readonly padded: readonly number[];
} {
  const length = 2 ** Math.ceil(Math.log2(values.length));
  const padded = [...values, ...Array<number>(length - values.length).fill(values[0] as number)];
  return { marks: padded.map(() => '?').join(', '), padded };
}

/** The most bytes of one batch. */
const mostBytes = 4 * 2 ** 20;
const firstRows = { columns: 'seq, at, envelope', size: 'octet_length(envelope)', from: 'sw_outbox order by seq', values: [] };

/** A row that can never be published: it is not an event, or the bus refuses it. */
interface Unsendable {
  readonly seq: number;
  readonly error: Error;
}

interface Sendable {
  readonly seq: number;
  readonly envelope: Envelope;
}

function read(rows: readonly Row[]): { readonly sent: readonly Sendable[]; readonly unreadable: readonly Unsendable[] } {
  const sent: Sendable[] = [];
  const unreadable: Unsendable[] = [];
  for (const row of rows) {
    const seq = Number(row['seq']);
    try {
      sent.push({ seq, envelope: parseEnvelope(String(row['envelope'])) });
    } catch (error) {
      unreadable.push({ seq, error: error as Error });
    }
  }
  return { sent, unreadable };
}

/** Returns those that the bus can never take. Throws any other error, after which the same events may be published again. */
function refusedBy(error: unknown, sent: readonly Sendable[]): readonly Unsendable[] {
  const ids = new Set(error instanceof EventsRefused ? error.ids : []);
  const refused = sent.filter(({ envelope }) => ids.has(envelope.id)).map(({ seq }) => ({ seq, error: error as Error }));
  if (refused.length === 0) throw error;
  return refused;
}

/** Counts the events of each type. */
function counted(envelopes: readonly Envelope[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { type } of envelopes) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

/** OpenTelemetry keeps so many links of a span. */
const linksAtMost = 128;

/** Returns the traces in which the events of a batch were written, each once. */
function writers(envelopes: readonly Envelope[]): readonly TraceContext[] {
  const traces = new Map<string, TraceContext>();
  for (const envelope of envelopes) {
    if (envelope.traceparent === undefined || traces.has(envelope.traceparent)) continue;
    const trace = traceOf(envelope);
    if (trace) traces.set(envelope.traceparent, trace);
    if (traces.size === linksAtMost) break;
  }
  return [...traces.values()];
}

/**
 * Publishes the rows of the outbox in the order of their insertion, and deletes those that the bus has confirmed. Each turn begins at
 * the first row of the table, so that a transaction which took its number early and committed late is not skipped. One relay of an
 * outbox works at a time: it publishes in the term of its worker in which it got the lease, and every deletion checks the lease. Two relays
 * that overlap for a moment all the same publish some events twice, but the first copies keep their order, since both begin at the first row.
 */
export function relay(deps: RelayDeps): Relay {
  checkOptions('relay', deps, depsNames);
  const { store, bus, runtime, worker, service, batch = 512, poll } = deps;
  const { clock, observe } = runtime;
  const givenMs = poll === undefined ? undefined : milliseconds(poll, 'relay.poll');
  const attributes = { service };
  /** The worker's term in which this relay last had the lease. */
  let ledIn: number | undefined;
  let oldest: number | undefined;
  let waiting = 0;

  /** Runs `work` in a transaction, if this relay has the lease or gets it. Returns whether it did. */
  async function asLeader(work: (sql: Tx) => Promise<void>): Promise<boolean> {
    const term = worker.term();
    const led = await store.transaction(async (tx) => {
      const sql = store.sql(tx);
      if (!(await worker.holdLease(sql, 'relay'))) return false;
      await work(sql);
      return true;
    }, vital);
    ledIn = led ? term : undefined;
    return led;
  }

  function remove(seqs: readonly number[]): Promise<boolean> {
    const { marks, padded } = placeholders(seqs);
    return asLeader(async (sql) => void (await sql.run(`delete from sw_outbox where seq in (${marks})`, ...padded)));
  }

  /** Moves rows to another table as they are, so that those behind them are sent. */
  async function setAside(rows: readonly Unsendable[]): Promise<void> {
    const moved = await asLeader(async (sql) => {
      for (const { seq, error } of rows) {
        await sql.run(
          `insert into sw_set_aside (origin, number, at, content, error) select 'sw_outbox', seq, ?, envelope, ? from sw_outbox where seq = ?`,
          clock.now(),
          textOf(error),
          seq,
        );
        await sql.run('delete from sw_outbox where seq = ?', seq);
      }
    });
    if (!moved) return;
    for (const { seq, error } of rows) {
      const refused = error instanceof EventsRefused;
      if (refused) observe.count('seaworthy_outbox_refused_total', attributes);
      else observe.count('seaworthy_outbox_unreadable_total', { service, table: 'sw_outbox' });
      const why = refused ? 'is refused by the bus' : 'is not an event';
      const message = `row ${seq} of sw_outbox ${why} and was moved to sw_set_aside: correct it there and insert it into sw_outbox again`;
      observe.log('error', message, { service, number: seq, error });
    }
  }

  /** Returns how many events wait in a long outbox, by their numbers: a count would take a while. */
  async function unsent(first: number): Promise<number> {
    const [row] = await store.sqlRead.all('select max(seq) as last from sw_outbox');
    return Number(row?.['last']) - first + 1;
  }

  async function turn(): Promise<number> {
    const pollMs = givenMs ?? restMs(store);
    const term = worker.term();
    if (term !== undefined && ledIn !== term && !(await worker.isLeasedElsewhere('relay'))) await asLeader(async () => {});
    if (term === undefined || ledIn !== term) {
      oldest = undefined;
      waiting = 0;
      return pollMs;
    }
    const { rows, more } = await readSome(store.sqlRead, firstRows, { rows: batch, bytes: mostBytes });
    const { sent, unreadable } = read(rows);
    oldest = rows.map((row) => Number(row['at'])).find(Number.isFinite);
    waiting = more ? await unsent(Number(rows[0]?.['seq'])) : rows.length;
    if (unreadable.length > 0) await setAside(unreadable);
    if (sent.length === 0) return more ? 0 : pollMs;
    const envelopes = sent.map(({ envelope }) => envelope);
    const options = {
      kind: 'producer',
      root: true,
      links: writers(envelopes),
      spanAttributes: { topic: service, count: sent.length },
    } as const;
    runtime.reached('relay/publish/before');
    // After a pause of this process another one may publish these events.
    if (worker.term() !== term) return 0;
    const span = observe.span('seaworthy_outbox_publish', attributes, options);
    try {
      await bus.publish(service, envelopes);
      runtime.reached('relay/publish/after');
      span.end('ok');
    } catch (error) {
      span.end('error', error);
      await setAside(refusedBy(error, sent));
      return 0;
    }
    for (const [event, count] of counted(envelopes)) observe.count('seaworthy_outbox_published_total', { ...attributes, event }, count);
    runtime.reached('relay/delete/before');
    await remove(sent.map(({ seq }) => seq));
    runtime.reached('relay/delete/after');
    oldest = undefined;
    waiting = Math.max(0, waiting - sent.length);
    return more ? 0 : pollMs;
  }

  const removals = [
    observe.gauge('seaworthy_outbox_waiting', attributes, () => waiting),
    observe.gauge('seaworthy_outbox_lag_seconds', attributes, () => (oldest === undefined ? 0 : Math.max(0, clock.now() - oldest) / 1000)),
  ];
  const turns = loop({ runtime, name: 'relay', turn });
  const stops = [
    // While another process leads, its relay publishes.
    store.listen(outboxTopic, () => {
      if (ledIn !== undefined) turns.wake();
    }),
    worker.onTerm(turns.wake),
    // The lease may be free.
    worker.onGone(turns.wake),
  ];
  return disposable({
    close(signal?: AbortSignal) {
      for (const stop of stops) stop();
      for (const remove of removals) remove();
      // A batch that is cut short may be published again: the inbox recognises its events.
      return turns.close(signal);
    },
  });
}
