import { isKey, keyRule } from '../core/key.ts';
import { parseJson } from '../core/parse-json.ts';
import { textOf } from '../core/thrown.ts';
import type { TraceContext } from '../core/trace.ts';
import { EnvelopeInvalid } from './errors.ts';

/** An event as the bus carries it: a CloudEvents 1.0 event in structured JSON form (https://github.com/cloudevents/spec, v1.0.2). */
export interface Envelope {
  readonly specversion: '1.0';
  /** Unique; the inbox recognises a repeat by it. */
  readonly id: string;
  /** The publishing service: `/orders`. */
  readonly source: string;
  /** Contract and event: `orders.orderCancelled`. */
  readonly type: string;
  /** The aggregate's id: order is kept among equal keys. CloudEvents' partitioning extension. */
  readonly partitionkey: string;
  /** RFC 3339, in UTC. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: unknown;
  /** RFC 3339: an inbox makes the event a dead letter after this time. An extension of Seaworthy. */
  readonly notafter?: string;
  /** The trace of the publisher, in CloudEvents' distributed tracing extension. It is not validated: read it with `traceOf`. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** W3C Baggage. An extension of Seaworthy. */
  readonly baggage?: string;
}

export interface EnvelopeParts {
  readonly id: string;
  readonly service: string;
  readonly event: string;
  readonly key: string;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly data: unknown;
  readonly notAfterMs?: number | undefined;
  readonly trace?: TraceContext | undefined;
}

export const typeOf = (service: string, event: string): string => `${service}.${event}`;

export function envelope({ id, service, event, key, now, data, notAfterMs, trace }: EnvelopeParts): Envelope {
  return {
    specversion: '1.0',
    id,
    source: `/${service}`,
    type: typeOf(service, event),
    partitionkey: key,
    time: new Date(now).toISOString(),
    datacontenttype: 'application/json',
    data,
    ...(notAfterMs !== undefined && { notafter: new Date(now + notAfterMs).toISOString() }),
    ...trace,
  };
}

/** RFC 3339, section 5.6: without an offset from UTC a time is a different one on each machine. */
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const isTime = (value: unknown): boolean => typeof value === 'string' && rfc3339.test(value) && !Number.isNaN(Date.parse(value));
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';

const isKeyText = (value: unknown): boolean => isText(value) && isKey(value as string);

const text = 'must be a non-empty string';
const keyText = `${text} ${keyRule}`;
const time = 'must be a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z';
const rules: readonly [name: string, holds: (value: unknown) => boolean, rule: string][] = [
  ['specversion', (value) => value === '1.0', 'must be "1.0"'],
  // Engines compare keys as UTF-8, in which all halves of a surrogate pair are one and the same character.
  ['id', isKeyText, keyText],
  ['source', isText, text],
  ['type', isKeyText, keyText],
  ['partitionkey', isKeyText, keyText],
  ['time', isTime, time],
  ['datacontenttype', (value) => value === 'application/json', 'must be "application/json"'],
  ['data_base64', (value) => value === undefined, 'must be absent: data is JSON, not bytes'],
  ['notafter', (value) => value === undefined || isTime(value), time],
];

/** Reads the JSON of an event. Throws `EnvelopeInvalid`. */
export function parseEventJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new EnvelopeInvalid(`the event is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Returns the attributes of an event. Throws `EnvelopeInvalid` for a value that is not a JSON object. */
export function attributesOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new EnvelopeInvalid('the event must be a JSON object');
  return value as Readonly<Record<string, unknown>>;
}

/** Fills in `datacontenttype`, since CloudEvents assumes JSON where it is absent. */
export const withContentType = (attributes: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  'datacontenttype' in attributes ? attributes : { ...attributes, datacontenttype: 'application/json' };

/** Reads an event from its own text. Throws `EnvelopeInvalid`, which names each attribute and its rule. */
export const parseEnvelope = (text: string): Envelope => checkedEnvelope(withContentType(attributesOf(parseEventJson(text))));

/** Writes the event as text. Throws `EnvelopeInvalid`, which names each attribute and its rule. */
export function writeEnvelope(envelope: Envelope): string {
  const checked = checkedEnvelope(envelope);
  try {
    return JSON.stringify(checked);
  } catch (cause) {
    throw new EnvelopeInvalid(`the event ${envelope.id} cannot be written: data must be JSON (${textOf(cause)})`, { cause });
  }
}

/** Checks each attribute. Throws `EnvelopeInvalid`, which names those that are wrong and their rules. */
export function checkedEnvelope(value: object): Envelope {
  const fields = value as Readonly<Record<string, unknown>>;
  const wrong = rules.filter(([name, holds]) => !holds(fields[name])).map(([name, , rule]) => `${name} ${rule}`);
  if (wrong.length > 0) throw new EnvelopeInvalid(`the event is not a CloudEvents 1.0 event with a key: ${wrong.join('; ')}`);
  return value as Envelope;
}
