import { type Envelope, envelope, typeOf } from '../bus/envelope.ts';
import { tooLarge } from '../bus/options.ts';
import { asJson } from '../contract/as-json.ts';
import type { Bound, Contract, Event, Members } from '../contract/contract.ts';
import { type Examined, examineNow, sentence } from '../contract/schema.ts';
import { milliseconds } from '../core/duration.ts';
import { isKey, keyRule } from '../core/key.ts';
import { RunOver } from '../core/lifetime.ts';
import { checkOptions, type OptionNames } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Level, Tx, Value } from '../store/store.ts';
import { EventInvalid } from './errors.ts';
import type { EventsOf, Publish } from './publish.ts';
import { outboxTopic } from './topics.ts';

/** Collects the events of one run of a handler. Each run needs a new collector, since a conflict may repeat the run. */
export interface Collector<Events> {
  /**
   * Collects an event, with its data as it is now. Throws `EventInvalid` when the data is not JSON, has a text that not every database
   * keeps, breaks the contract or has no key: let the transaction roll back. Throws `RunOver` after `write`.
   */
  readonly publish: Publish<Events>;
  /**
   * Inserts the collected events into the outbox, in the handler's transaction, and returns their number. Events that were published
   * inside a savepoint that was rolled back are left out. Throws `EventInvalid` for an event that is larger than `maxBytes`, and for
   * data that an asynchronous schema refuses.
   */
  write(tx: Tx): Promise<number>;
}

/** The transaction that a collector belongs to, and what its events carry. */
export interface CollectorOptions {
  /** The trace that publishes the events; each event carries it. Default none. */
  readonly trace?: TraceContext | undefined;
  /** The transaction: a savepoint that is rolled back takes the events inside it along. Default: all events are kept. */
  readonly tx?: Pick<Tx, 'level'> | undefined;
  /** The largest event that the bus takes, in bytes of its JSON text: `bus.features.maxBytes`. Default: any size. */
  readonly maxBytes?: number | undefined;
}

const names: OptionNames<CollectorOptions> = { trace: true, tx: true, maxBytes: true };

interface Collected {
  readonly event: Event & Bound;
  readonly data: unknown;
  /** The key, once the data is validated. */
  readonly key: string | Promise<string>;
  readonly level: Level | undefined;
}

const rowsAtOnce = 100;
const ignore = (): void => {};

/** Returns the data as subscribers will read it. */
function dataOf({ service, name }: Event & Bound, data: unknown): unknown {
  const json = asJson(data, { storable: true });
  if ('value' in json) return json.value;
  throw new EventInvalid(`the data of ${service}.${name} cannot be published: ${sentence([json.fault])}`, [json.fault]);
}

/** Returns the key of the data that subscribers will read. */
function keyOf(event: Event & Bound, examined: Examined<unknown>): string {
  const type = typeOf(event.service, event.name);
  if ('findings' in examined) {
    const { findings } = examined;
    throw new EventInvalid(`the data of ${type} breaks its contract (${sentence(findings)}): correct what is published`, findings);
  }
  const key = (examined.value as Readonly<Record<string, unknown>>)[event.key];
  if (typeof key === 'string' && key !== '' && isKey(key)) return key;
  const issue = { path: event.key, message: `is the key and must be a string that is not empty, ${keyRule}` };
  throw new EventInvalid(`the data of ${type} has no key (${sentence([issue])})`, [issue]);
}

/** Writes the event as text. Throws `EventInvalid` for one that the bus would never take. */
function boundedText(one: Envelope, maxBytes: number): string {
  const text = JSON.stringify(one);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw new EventInvalid(tooLarge(one, bytes, maxBytes), []);
  return text;
}

/** Collects the events that one run of a handler publishes. */
export function collector<S extends string, M extends Members>(
  contract: Contract<S, M>,
  runtime: Runtime,
  options: CollectorOptions = {},
): Collector<EventsOf<M>> {
  checkOptions('collector', options, names);
  const { trace, tx: within, maxBytes = Number.POSITIVE_INFINITY } = options;
  const events = contract as unknown as { readonly [name: string]: (Event & Bound) | undefined };
  const collected: Collected[] = [];
  let written = false;

  function publish(name: string, data: unknown): void {
    const event = events[name];
    if (event?.kind !== 'event') throw new EventInvalid(`${contract['~contract']} has no event ${name}: declare it in the contract`, []);
    if (written)
      throw new RunOver(`${name} was published after \`write\` and is not sent; a collector is written once: publish before \`write\``);
    const json = dataOf(event, data);
    const examined = examineNow(event.data, json);
    const key = examined instanceof Promise ? examined.then((later) => keyOf(event, later)) : keyOf(event, examined);
    // `write` awaits it, and a handler that failed never writes.
    if (key instanceof Promise) key.catch(ignore);
    collected.push({ event, data: json, key, level: within?.level });
  }

  async function envelopeOf({ event, data, key }: Collected, now: number): Promise<Envelope> {
    const notAfterMs = event.notAfter === undefined ? undefined : milliseconds(event.notAfter);
    const { service, name } = event;
    return envelope({ id: runtime.ids.next(), service, event: name, key: await key, now, data, notAfterMs, trace });
  }

  return {
    publish: publish as Publish<EventsOf<M>>,
    async write(tx) {
      written = true;
      const kept = collected.filter(({ level }) => !level?.undone);
      if (kept.length === 0) return 0;
      const now = runtime.clock.now();
      const values: Value[] = [];
      for (const one of kept) values.push(now, boundedText(await envelopeOf(one, now), maxBytes));
      runtime.reached('outbox/append/before');
      for (let from = 0; from < values.length; from += 2 * rowsAtOnce) {
        const some = values.slice(from, from + 2 * rowsAtOnce);
        tx.runAtCommit(
          `insert into sw_outbox (at, envelope) values ${Array(some.length / 2)
            .fill('(?, ?)')
            .join(', ')}`,
          ...some,
        );
      }
      tx.notify(outboxTopic);
      runtime.reached('outbox/append/after');
      return kept.length;
    },
  };
}
