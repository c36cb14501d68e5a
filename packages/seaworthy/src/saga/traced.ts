import { Failure } from '../client/call.ts';
import type { Scope } from '../core/abort.ts';
import { Lifetime } from '../core/lifetime.ts';
import { NotAwaited } from '../core/open-work.ts';
import type { Runtime } from '../core/runtime.ts';
import { textOf } from '../core/thrown.ts';
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

/** What one run of a step or of its undo has. */
export interface Running {
  readonly within: Scope;
  readonly trace: TraceContext | undefined;
  /** What it is given belongs to it. */
  readonly run: Lifetime;
}

/**
 * One run of a step or of its undo, bounded by its timeout, as a span. What `parents` cut short is no failure. Throws `NotAwaited` when
 * it returns while something that it began is open; `settled` throws it, too, for what only the caller knows of.
 */
export async function traced(
  verb: keyof typeof names,
  { runtime, follow = 'parent' }: Tracing,
  { id, name, trace }: Instance,
  step: Recorded,
  parents: readonly Scope[],
  work: (running: Running) => unknown,
  settled?: (run: string) => void,
): Promise<unknown> {
  const life = new Lifetime(`the ${verb === 'undo' ? 'undo of the step' : 'step'} ${step.name} of ${name}`, runtime.observe);
  const running = async (within: Scope): Promise<unknown> => {
    try {
      return await life.run(() => span.run(() => work({ within, trace: span.trace, run: life })), settled && (() => settled(life.name)));
    } catch (error) {
      // Calls that nobody awaits are cut, as at the end of its time.
      if (error instanceof NotAwaited) within.abort(error);
      throw error;
    }
  };
  const place = { ...following(trace, follow), detail: { id } };
  const span = runtime.observe.span(names[verb], { saga: name, step: step.name }, place);
  try {
    const value = await bounded(runtime.clock, step, parents, running);
    span.end('done');
    return value;
  } catch (error) {
    if (error instanceof Failure) span.end('declared');
    else if (parents.some(({ aborted }) => aborted)) span.end('cut');
    else if (postponedMs(error) !== undefined) {
      span.note({ waits: textOf(error) });
      span.end('postponed');
    } else span.end('failed', error);
    throw error;
  } finally {
    life.end();
  }
}
