import type { Attributes, Span, SpanOptions } from '../core/observe.ts';
import { checkOptions } from '../core/options.ts';
import { described } from '../core/thrown.ts';
import { formatTraceparent, parseTraceparent, type TraceContext } from '../core/trace.ts';
import type { Bridge } from './bridge.ts';
import { bounds } from './metrics.ts';
import { ended, type MessagingNames, messagingNames, named } from './semconv.ts';

interface OtelTraceState {
  get(key: string): string | undefined;
  set(key: string, value: string): OtelTraceState;
  unset(key: string): OtelTraceState;
  serialize(): string;
}
interface OtelSpanContext {
  traceId: string;
  spanId: string;
  traceFlags: number;
  isRemote?: boolean;
  traceState?: OtelTraceState;
}
interface OtelSpan {
  spanContext(): OtelSpanContext;
  setAttributes(attributes: Record<string, string | number | boolean>): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  recordException(exception: { name: string; message: string; stack?: string }): void;
  end(): void;
}
interface OtelSpanOptions {
  kind: number;
  attributes: Record<string, string | number | boolean>;
  links: { context: OtelSpanContext }[];
}
interface OtelContext {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): OtelContext;
  deleteValue(key: symbol): OtelContext;
}
type Observed = (result: { observe(value: number, attributes?: Record<string, string | number | boolean>): void }) => void;
interface OtelMeter {
  createCounter(name: string): { add(value: number, attributes?: Record<string, string | number | boolean>): void };
  createHistogram(
    name: string,
    options?: { unit?: string; advice?: { explicitBucketBoundaries?: number[] } },
  ): { record(value: number, attributes?: Record<string, string | number | boolean>): void };
  createObservableGauge(name: string): { addCallback(callback: Observed): void; removeCallback(callback: Observed): void };
}

/** The part of the module `@opentelemetry/api` that the bridge uses. The type is structural, so that nothing is imported. */
export interface OpenTelemetryApi {
  readonly ROOT_CONTEXT: OtelContext;
  createTraceState(raw: string): OtelTraceState;
  readonly context: { active(): OtelContext; with(context: OtelContext, work: () => void): void };
  readonly trace: {
    getTracer(name: string): { startSpan(name: string, options: OtelSpanOptions, context: OtelContext): OtelSpan };
    getSpanContext(context: OtelContext): OtelSpanContext | undefined;
    setSpan(context: OtelContext, span: OtelSpan): OtelContext;
    setSpanContext(context: OtelContext, spanContext: OtelSpanContext): OtelContext;
  };
  readonly metrics: { getMeter(name: string): OtelMeter };
}

/** The options of the bridge. */
export interface OpenTelemetryOptions {
  /** The names in messaging spans. Default as set by the environment variable `OTEL_SEMCONV_STABILITY_OPT_IN`. */
  readonly messaging?: MessagingNames;
}

const scope = 'seaworthy';
/** The values of the API's `SpanKind`, and its `SpanStatusCode.ERROR`. */
const kinds = { internal: 0, server: 1, client: 2, producer: 3, consumer: 4 } as const;
const failed = 2;

/**
 * Makes a bridge to OpenTelemetry, for the option `bridge` of `telemetry`. It takes the module `@opentelemetry/api` (1.3 or newer) after
 * the SDK has been registered with it. Without an SDK the bridge does nothing, at little cost.
 */
export function openTelemetry(api: OpenTelemetryApi, options: OpenTelemetryOptions = {}): Bridge {
  checkOptions('openTelemetry', options, { messaging: true });
  const names = options.messaging ?? messagingNames(process.env['OTEL_SEMCONV_STABILITY_OPT_IN']);
  const tracer = api.trace.getTracer(scope);
  const meter = api.metrics.getMeter(scope);

  const made = <V>(make: (name: string) => V): ((name: string) => V) => {
    const known = new Map<string, V>();
    return (name) => {
      const one = known.get(name) ?? make(name);
      known.set(name, one);
      return one;
    };
  };
  const counter = made((name) => meter.createCounter(name));
  const gauge = made((name) => meter.createObservableGauge(name));
  const histogram = made((name) => meter.createHistogram(name, { unit: 's', advice: { explicitBucketBoundaries: [...bounds] } }));

  function spanContext(trace: TraceContext | undefined, isRemote: boolean): OtelSpanContext | undefined {
    const parsed = parseTraceparent(trace?.traceparent);
    if (!parsed) return undefined;
    const { traceId, spanId, flags: traceFlags } = parsed;
    const traceState = trace?.tracestate === undefined ? undefined : api.createTraceState(trace.tracestate);
    return { traceId, spanId, traceFlags, isRemote, ...(traceState && { traceState }) };
  }

  /** Returns the trace of a span. Baggage is carried by the toolkit, since an SDK may not bound it. */
  function traceOf(
    { traceId, spanId, traceFlags, traceState }: OtelSpanContext,
    cause: TraceContext | undefined,
  ): TraceContext | undefined {
    const traceparent = formatTraceparent({ traceId, spanId, flags: traceFlags & 3 });
    if (!parseTraceparent(traceparent)) return cause;
    const tracestate = traceState?.serialize();
    return {
      traceparent,
      ...(tracestate && { tracestate }),
      ...(cause?.baggage !== undefined && { baggage: cause.baggage }),
    };
  }

  function parentOf({ parent, root, kind }: SpanOptions): OtelContext {
    const active = api.context.active();
    const context = spanContext(parent, kind === 'server' || kind === 'consumer');
    if (!context) return root ? api.ROOT_CONTEXT : active;
    // An instrumented HTTP server has started a span of the same request, which is the nearer parent.
    if (kind === 'server' && api.trace.getSpanContext(active)?.traceId === context.traceId) return active;
    return api.trace.setSpanContext(api.ROOT_CONTEXT, context);
  }

  function started(name: string, given: Attributes, spanOptions: SpanOptions = {}): Span {
    const context = parentOf(spanOptions);
    const { name: conventional, attributes } = named(name, { ...given, ...spanOptions.spanAttributes }, names);
    const links = (spanOptions.links ?? []).flatMap((link) => {
      const linked = spanContext(link, true);
      return linked ? [{ context: linked }] : [];
    });
    const span = tracer.startSpan(
      conventional,
      { kind: kinds[spanOptions.kind ?? 'internal'], attributes: { ...attributes }, links },
      context,
    );
    const within = api.trace.setSpan(context, span);
    return {
      trace: traceOf(span.spanContext(), spanOptions.parent),
      run<V>(work: () => V): V {
        let result: { readonly value: V } | undefined;
        api.context.with(within, () => {
          result = { value: work() };
        });
        return (result as unknown as { readonly value: V }).value;
      },
      note(more) {
        span.setAttributes(Object.fromEntries(Object.entries(more).map(([key, value]) => [`${scope}.${key}`, value])));
      },
      end(outcome, error) {
        span.setAttributes({ ...ended(name, outcome, error) });
        if (error !== undefined) {
          const { type, message, stack } = described(error);
          span.recordException({ name: type, message, ...(stack !== undefined && { stack }) });
          span.setStatus({ code: failed, message });
        }
        span.end();
      },
    };
  }

  return {
    span: started,
    current() {
      const context = api.trace.getSpanContext(api.context.active());
      return context && traceOf(context, undefined);
    },
    count: (name, attributes, by) => counter(name).add(by, { ...attributes }),
    measure: (name, attributes, seconds) => histogram(name).record(seconds, { ...attributes }),
    gauge(name, attributes, read) {
      const shown: Observed = (result) => result.observe(read(), { ...attributes });
      gauge(name).addCallback(shown);
      return () => gauge(name).removeCallback(shown);
    },
  };
}
