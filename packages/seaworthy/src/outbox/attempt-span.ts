import type { Envelope } from '../bus/envelope.ts';
import type { Span } from '../core/observe.ts';
import type { Runtime } from '../core/runtime.ts';
import { causedBy, type TraceRelation } from '../core/span-link.ts';
import { traceOf } from '../core/trace.ts';

interface Attempting {
  readonly runtime: Runtime;
  readonly service: string;
  readonly follow: TraceRelation;
}

/** How an attempt at an event ended, and the error of one that failed. */
export type AttemptOutcome = readonly [outcome: string, error?: unknown];

/** Begins the span of one attempt at an event. */
export function attemptSpan(
  name: 'seaworthy_inbox_handle' | 'seaworthy_inbox_retry',
  { runtime, service, follow }: Attempting,
  event: string,
  envelope: Envelope,
): Span {
  const options = {
    kind: 'consumer',
    ...causedBy(traceOf(envelope, runtime.baggage), follow),
    spanAttributes: { id: envelope.id },
  } as const;
  return runtime.observe.span(name, { service, event }, options);
}
