import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../core/clock.ts';
import { hex } from '../core/ids.ts';
import type { Attributes, Span, SpanOptions } from '../core/observe.ts';
import type { Random } from '../core/random.ts';
import { formatTraceparent, parseTraceparent, type TraceContext } from '../core/trace.ts';

/** Makes spans and knows the current one: the toolkit's own tracer, or the bridge to OpenTelemetry. */
export interface Tracer {
  span(name: string, attributes: Attributes, spanOptions?: SpanOptions): Span;
  /** Returns the trace of the current span. */
  current(): TraceContext | undefined;
}

/** A span that has ended. */
export interface SpanRecord {
  readonly name: string;
  readonly kind: NonNullable<SpanOptions['kind']>;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly attributes: Attributes;
  readonly outcome: string;
  /** The error, if the span failed. */
  readonly error: unknown;
  /** The time of the start, in milliseconds since the epoch. */
  readonly began: number;
  readonly durationMs: number;
}

export interface TracerDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** The share of the traces begun here that are sampled. */
  readonly sample: number;
  readonly spans: ((span: SpanRecord) => void) | undefined;
}

const zeros = '0000000000000000';

/** Makes a tracer without any SDK: ids by W3C Trace Context, and each ended span for the option `spans`. */
export function tracer({ clock, random, sample, spans }: TracerDeps): Tracer {
  const running = new AsyncLocalStorage<TraceContext>();
  function word(): string {
    const bits = random.next() * 0x1_0000_0000;
    return `${hex[bits >>> 24]}${hex[(bits >>> 16) & 255]}${hex[(bits >>> 8) & 255]}${hex[bits & 255]}`;
  }
  /** Replaces an id of zeros, which W3C reserves for no id. */
  const notZero = (id: string): string => (id === zeros || id === zeros + zeros ? `${id.slice(1)}1` : id);
  const identified = ({ traceparent }: TraceContext): { traceId: string; spanId: string }[] => {
    const parsed = parseTraceparent(traceparent);
    return parsed ? [{ traceId: parsed.traceId, spanId: parsed.spanId }] : [];
  };

  return {
    current: () => running.getStore(),
    span(name, attributes, spanOptions = {}) {
      const cause = spanOptions.parent ?? (spanOptions.root ? undefined : running.getStore());
      const parent = parseTraceparent(cause?.traceparent);
      const traceId = parent?.traceId ?? notZero(word() + word() + word() + word());
      const spanId = notZero(word() + word());
      const flags = parent?.flags ?? (random.next() < sample ? 1 : 0);
      const trace: TraceContext = { ...cause, traceparent: formatTraceparent({ traceId, spanId, flags }) };
      const recorded = spans !== undefined && (flags & 1) === 1;
      let noted = spanOptions.spanAttributes;
      const [began, beganMonotonic] = recorded ? [clock.now(), clock.monotonic()] : [0, 0];
      return {
        trace,
        run: (work) => running.run(trace, work),
        note(more) {
          if (recorded) noted = { ...noted, ...more };
        },
        end(outcome, error) {
          if (!recorded) return;
          spans({
            ...{ name, kind: spanOptions.kind ?? 'internal', traceId, spanId, parentSpanId: parent?.spanId },
            ...{ links: spanOptions.links?.flatMap(identified) ?? [], attributes: { ...attributes, ...noted } },
            ...{ outcome, error, began, durationMs: clock.monotonic() - beganMonotonic },
          });
        },
      };
    },
  };
}
