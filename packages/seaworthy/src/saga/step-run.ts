import { Failure } from '../client/call.ts';
import { asJson } from '../contract/as-json.ts';
import { sentence } from '../contract/schema.ts';
import { type Scope, scope } from '../core/abort.ts';
import type { Clock } from '../core/clock.ts';
import { SeaworthyError } from '../core/errors.ts';
import { Lifetime } from '../core/lifetime.ts';
import { NotAwaited } from '../core/open-work.ts';
import type { Runtime } from '../core/runtime.ts';
import { causedBy, type TraceRelation } from '../core/span-link.ts';
import { readable, textOf } from '../core/thrown.ts';
import type { TraceContext } from '../core/trace.ts';
import type { StepDefinition } from './definition.ts';
import type { Instance } from './instance.ts';
import { postponedMs } from './waits.ts';

/** A run of a step or an undo took longer than its timeout. Its transaction was rolled back; what its calls did is unknown. */
export class StepTimeout extends SeaworthyError {
  readonly code = 'SW_SAGA_STEP_TIMEOUT';
  readonly kind = 'deadline';
}

/** The running step is aborted because its saga is stopped, or its deadline has passed. The saga is undone. */
export class SagaStopping extends SeaworthyError {
  readonly code = 'SW_SAGA_STOPPING';
  readonly kind = 'cancelled';
}

/** A step returned a value that JSON does not keep, such as a Map, a Date or NaN. The message names its path. */
export class ResultInvalid extends SeaworthyError {
  readonly code = 'SW_SAGA_RESULT_INVALID';
  readonly kind = 'internal';
}

/** Returns a result as it will be read again. Throws `ResultInvalid`. */
export function resultJson(step: string, result: unknown): unknown {
  if (result === undefined) return undefined;
  const json = asJson(result);
  if ('value' in json) return json.value;
  throw new ResultInvalid(`the result of the step ${step} is not JSON: ${sentence([json.fault])}`);
}

const started = async <V>(work: (within: Scope) => V | PromiseLike<V>, within: Scope): Promise<V> => work(within);

/**
 * Runs `work` of a step or an undo until its timeout has elapsed or a parent aborts. Work that is aborted continues unobserved. Whatever
 * it throws becomes an error that can be read.
 */
export async function bounded<V>(
  clock: Clock,
  { name, timeoutMs: ms }: StepDefinition,
  parents: readonly Scope[],
  work: (within: Scope) => V | PromiseLike<V>,
): Promise<V> {
  const reason = (): unknown =>
    new StepTimeout(
      `a run of the step ${name} took longer than ${ms / 1000} s; it was aborted and counts as failed: raise the step's \`timeout\` if it needs longer`,
    );
  const within = scope({ clock, parents, timeout: { ms, reason } });
  try {
    if (within.aborted) throw within.reason;
    return await within.race(started(work, within));
  } catch (error) {
    throw readable(error);
  } finally {
    within.end();
  }
}

/** How the runs of steps are reported. */
export interface Tracing {
  readonly runtime: Runtime;
  /** Whether a step belongs to the trace that started its saga, or has a trace of its own that links there. Default `parent`. */
  readonly follow?: TraceRelation | undefined;
}

/** One run of a step or of its undo. */
export interface Running {
  readonly within: Scope;
  readonly trace: TraceContext | undefined;
  /** The lifetime of what the run is given. */
  readonly life: Lifetime;
}

const spans = { do: 'seaworthy_saga_step', undo: 'seaworthy_saga_undo' } as const;

/** Runs `work` of a step or of its undo in a span, bounded by its timeout. A run that `parents` abort has not failed. */
export async function stepRun<V>(
  verb: 'do' | 'undo',
  { runtime, follow = 'parent' }: Tracing,
  { id, name, trace }: Instance,
  step: StepDefinition,
  parents: readonly Scope[],
  work: (running: Running) => Promise<V>,
): Promise<V> {
  const life = new Lifetime(`the ${verb === 'undo' ? 'undo of the step' : 'step'} ${step.name} of ${name}`, runtime.observe);
  const running = async (within: Scope): Promise<V> => {
    try {
      return await span.run(() => work({ within, trace: span.trace, life }));
    } catch (error) {
      // Calls that were not awaited are aborted, as at the end of the run's time.
      if (error instanceof NotAwaited) within.abort(error);
      throw error;
    }
  };
  const place = { ...causedBy(trace, follow), spanAttributes: { id } };
  const span = runtime.observe.span(spans[verb], { saga: name, step: step.name }, place);
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

/** What a run of a step is given beside its signal. The values are copies: neither a repeated run nor the journal sees a change of them. */
export interface Seen {
  readonly input: unknown;
  readonly results: unknown;
  readonly now: number;
}

/** `do` or `undo` of a step, without its types. */
export type Work = (context: never) => unknown;

/** Adds the signal to the context of a run. The signal is made when it is first read. */
export const seenWithin = <T extends object>(seen: T, within: Scope): T & { readonly signal: AbortSignal } => ({
  ...seen,
  get signal() {
    return within.signal;
  },
});
