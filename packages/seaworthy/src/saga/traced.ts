import { Failure } from '../client/call.ts';
import type { Scope } from '../core/abort.ts';
import type { Runtime } from '../core/runtime.ts';
import type { TraceContext } from '../core/trace.ts';
import { type Follow, following } from '../outbox/process.ts';
import type { Instance } from './journal.ts';
import type { Recorded } from './saga.ts';
import { bounded, postponedMs } from './step.ts';

export interface Tracing {
  readonly runtime: Runtime;
  /** Whether steps are part of the trace that started their saga, or each of one of its own that links there. Default `parent`. */
  readonly follow?: Follow | undefined;
}

const names = { step: 'seaworthy_saga_step', undo: 'seaworthy_saga_undo' } as const;

/** One run of a step or of its undo, bounded by its timeout, as a span. What `parents` cut short is no failure. */
export async function traced(
  verb: keyof typeof names,
  { runtime, follow = 'parent' }: Tracing,
  { id, name, trace }: Instance,
  step: Recorded,
  parents: readonly Scope[],
  work: (within: Scope, trace: TraceContext | undefined) => unknown,
): Promise<unknown> {
  const place = { ...following(trace, follow), detail: { id } };
  const span = runtime.observe.span(names[verb], { saga: name, step: step.name }, place);
  try {
    const value = await bounded(runtime.clock, step, parents, (within) => span.run(() => work(within, span.trace)));
    span.end('done');
    return value;
  } catch (error) {
    if (error instanceof Failure) span.end('declared');
    else if (parents.some(({ aborted }) => aborted)) span.end('cut');
    else if (postponedMs(error) !== undefined) span.end('postponed');
    else span.end('failed', error);
    throw error;
  }
}
