import type { SpanOptions } from './observe.ts';
import type { TraceContext } from './trace.ts';

/** How work relates to the trace of its cause: it is part of that trace, or has a trace of its own with a link there. */
export type TraceRelation = 'parent' | 'link';

/** Returns the options of a span whose cause may have ended long ago. The span gets the baggage of its cause in both relations. */
export function causedBy(cause: TraceContext | undefined, relation: TraceRelation): SpanOptions {
  if (relation === 'parent' || cause?.traceparent === undefined) return { root: true, parent: cause };
  const { baggage } = cause;
  return { root: true, parent: baggage === undefined ? undefined : { baggage }, links: [cause] };
}
