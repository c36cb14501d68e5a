import type { Envelope } from '../bus/envelope.ts';
import type { Place, Span } from '../core/observe.ts';
import type { Runtime } from '../core/runtime.ts';
import { type TraceContext, traceOf } from '../core/trace.ts';

/** How what is done later stands to what caused it: in the same trace, or in a trace of its own with a link to it. */
export type Follow = 'parent' | 'link';

interface Processing {
  readonly runtime: Runtime;
  readonly service: string;
  readonly follow: Follow;
}

/** Where a span stands whose cause may be long over. Its baggage comes along either way. */
export function following(cause: TraceContext | undefined, follow: Follow): Place {
  if (follow === 'parent' || cause?.traceparent === undefined) return { root: true, parent: cause };
  const { baggage } = cause;
  return { root: true, parent: baggage === undefined ? undefined : { baggage }, links: [cause] };
}

/** How an attempt at an event went, and what failed. */
export type Processed = readonly [outcome: string, error?: unknown];

/** Begins the span of one attempt at an event. */
export function processSpan(
  name: 'seaworthy_inbox_handle' | 'seaworthy_inbox_retry',
  { runtime, service, follow }: Processing,
  event: string,
  envelope: Envelope,
): Span {
  const place = { kind: 'consumer', ...following(traceOf(envelope, runtime.baggage), follow), detail: { id: envelope.id } } as const;
  return runtime.observe.span(name, { service, event }, place);
}
