import { allowedBaggage, formatBaggage, parseBaggage } from './baggage.ts';

/**
 * The trace of a piece of work, in the form in which headers, events and rows carry it: W3C Trace Context
 * (https://www.w3.org/TR/trace-context/) and W3C Baggage.
 */
export interface TraceContext {
  /** The ids of trace and span: `00-<32 hex>-<16 hex>-<2 hex>`. Send only this to a third party. */
  readonly traceparent?: string;
  /** The data of tracing vendors. */
  readonly tracestate?: string;
  /** The entries that your services pass on beside inputs. Read them by `baggageOf`. */
  readonly baggage?: string;
}

/** A parsed `traceparent`. */
export interface Traceparent {
  readonly traceId: string;
  readonly spanId: string;
  /** The flags: 1 for sampled, 2 for a random trace id. */
  readonly flags: number;
}

const version00 = 55;
const shape = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

function oneTraceparent(text: string): Traceparent | undefined {
  const [, version, traceId, spanId, flags] = shape.exec(text) ?? [];
  if (version === undefined || (version === '00' && text.length !== version00)) return undefined;
  return { traceId: traceId as string, spanId: spanId as string, flags: Number.parseInt(flags as string, 16) & 3 };
}

/** Reads a `traceparent`, also of a later version; `undefined` for any other text. */
export function parseTraceparent(text: unknown): Traceparent | undefined {
  if (typeof text !== 'string' || text.length > 512) return undefined;
  if (!text.includes(',')) return oneTraceparent(text);
  // A client and the instrumentation below it may both send one. If they are of one trace, the last one is nearer; otherwise all are ignored.
  const all = text.split(',').map((one) => oneTraceparent(one.trim()));
  return all.every((one) => one && one.traceId === all[0]?.traceId) ? all.at(-1) : undefined;
}

export const formatTraceparent = ({ traceId, spanId, flags }: Traceparent): string =>
  `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;

const stateKey = /^(?:[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const stateValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** Reads a `tracestate` and keeps its first members, at most 32 and 512 characters; `undefined` for a malformed one. */
export function parseTracestate(text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length > 8192) return undefined;
  const members = new Map<string, string>();
  for (const member of text.split(',')) {
    const trimmed = member.trim();
    if (trimmed === '') continue;
    const equals = trimmed.indexOf('=');
    const key = trimmed.slice(0, Math.max(0, equals));
    if (!stateKey.test(key) || !stateValue.test(trimmed.slice(equals + 1)) || members.has(key)) return undefined;
    members.set(key, trimmed);
  }
  let kept = '';
  for (const member of [...members.values()].slice(0, 32)) {
    if (kept.length + member.length + 1 > 512) break;
    kept += kept === '' ? member : `,${member}`;
  }
  return kept === '' ? undefined : kept;
}

interface Carrier {
  readonly traceparent?: unknown;
  readonly tracestate?: unknown;
  readonly baggage?: unknown;
}

const joined = (value: unknown): unknown => (Array.isArray(value) ? value.join(',') : value);

/** Reads the trace of a message, with the `allowed` keys of its baggage. Malformed fields are ignored. */
export function traceOf(carrier: Carrier, allowed: readonly string[] = []): TraceContext | undefined {
  if (carrier.traceparent === undefined && carrier.baggage === undefined) return undefined;
  const parent = parseTraceparent(joined(carrier.traceparent));
  const tracestate = parent && parseTracestate(joined(carrier.tracestate));
  const baggage = allowedBaggage(joined(carrier.baggage), allowed);
  if (!parent && baggage === undefined) return undefined;
  return {
    ...(parent && { traceparent: formatTraceparent(parent) }),
    ...(tracestate !== undefined && { tracestate }),
    ...(baggage !== undefined && { baggage }),
  };
}

/** Reads a trace that a row keeps as JSON. Its baggage was allowed when it was written. */
export function keptTrace(json: unknown): TraceContext | undefined {
  if (typeof json !== 'string') return undefined;
  try {
    return (JSON.parse(json) ?? undefined) as TraceContext | undefined;
  } catch {
    // A damaged trace must not stop the work that it belongs to.
    return undefined;
  }
}

/** Reads the baggage of a trace. */
export const baggageOf = (trace: TraceContext | undefined): ReadonlyMap<string, string> =>
  trace?.baggage === undefined ? new Map() : parseBaggage(trace.baggage);

/** Adds entries to the baggage of a trace. Other services get the entries whose keys they allow (`baggage` of the runtime). */
export function withBaggage(trace: TraceContext | undefined, entries: Readonly<Record<string, string>>): TraceContext {
  const { baggage: _, ...rest } = trace ?? {};
  const baggage = formatBaggage(new Map([...baggageOf(trace), ...Object.entries(entries)]));
  return { ...rest, ...(baggage !== undefined && { baggage }) };
}
