import { allowedBaggage, formatBaggage, parseBaggage } from './baggage.ts';

/**
 * The trace that a piece of work belongs to, in the form in which it travels: in headers, events, rows.
 * W3C Trace Context (https://www.w3.org/TR/trace-context/) and W3C Baggage.
 */
export interface TraceContext {
  /** Trace and span that it is part of, `00-<32 hex>-<16 hex>-<2 hex>`. To a third party send this alone. */
  readonly traceparent?: string;
  /** What tracing vendors add. */
  readonly tracestate?: string;
  /** What one's own services tell each other beside inputs; read it by `baggageOf`. */
  readonly baggage?: string;
}

/** A `traceparent`, taken apart. */
export interface Traceparent {
  readonly traceId: string;
  readonly spanId: string;
  /** 1: sampled. 2: the trace id is random. */
  readonly flags: number;
}

const version00 = 55;
const shape = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

function oneTraceparent(text: string): Traceparent | undefined {
  const [, version, traceId, spanId, flags] = shape.exec(text) ?? [];
  if (version === undefined || (version === '00' && text.length !== version00)) return undefined;
  return { traceId: traceId as string, spanId: spanId as string, flags: Number.parseInt(flags as string, 16) & 3 };
}

/** Reads a `traceparent`, also of a later version; `undefined` for what is none. */
export function parseTraceparent(text: unknown): Traceparent | undefined {
  if (typeof text !== 'string' || text.length > 512) return undefined;
  if (!text.includes(',')) return oneTraceparent(text);
  // Two senders of one trace, such as a client and the instrumentation below it: the last one is nearer. Otherwise it is none.
  const all = text.split(',').map((one) => oneTraceparent(one.trim()));
  return all.every((one) => one && one.traceId === all[0]?.traceId) ? all.at(-1) : undefined;
}

export const formatTraceparent = ({ traceId, spanId, flags }: Traceparent): string =>
  `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;

const stateKey = /^(?:[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const stateValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** A `tracestate` as it may be passed on: at most 32 members and 512 characters, the first ones. `undefined` for what is none. */
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

/** Reads what a message carries, of its baggage only the keys in `allowed`. What is malformed is as if it were not there. */
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

/** A trace that a row keeps as JSON; the baggage in it was allowed when it was written. */
export function keptTrace(json: unknown): TraceContext | undefined {
  if (typeof json !== 'string') return undefined;
  try {
    return (JSON.parse(json) ?? undefined) as TraceContext | undefined;
  } catch {
    // Whatever became of it, the work that it belongs to goes on.
    return undefined;
  }
}

/** What is in a trace's baggage. */
export const baggageOf = (trace: TraceContext | undefined): ReadonlyMap<string, string> =>
  trace?.baggage === undefined ? new Map() : parseBaggage(trace.baggage);

/** The same trace with entries added to its baggage. Other services see those whose keys they allow (`baggage` of the runtime). */
export function withBaggage(trace: TraceContext | undefined, entries: Readonly<Record<string, string>>): TraceContext {
  const { baggage: _, ...rest } = trace ?? {};
  const baggage = formatBaggage(new Map([...baggageOf(trace), ...Object.entries(entries)]));
  return { ...rest, ...(baggage !== undefined && { baggage }) };
}
