import { Failure } from '../client/call.ts';
import type { Caller } from '../client/caller.ts';
import { AnswerInvalid, CallFailed } from '../client/errors.ts';
import { asJson } from '../contract/as-json.ts';
import { sentence } from '../contract/schema.ts';
import { type Scope, scope } from '../core/abort.ts';
import type { Clock } from '../core/clock.ts';
import { SeaworthyError } from '../core/errors.ts';
import { Lifetime } from '../core/lifetime.ts';
import { NotAwaited } from '../core/open-work.ts';
import type { Runtime } from '../core/runtime.ts';
import { readable, textOf } from '../core/thrown.ts';
import type { TraceContext } from '../core/trace.ts';
import { type Follow, following } from '../outbox/process.ts';
import { retryAfterOf } from '../resilience/classify.ts';
import { LocalRejection } from '../resilience/errors.ts';
import { lentTx } from '../store/lent.ts';
import type { Store, Tx } from '../store/store.ts';
import { type Calls, callsOf } from './calls.ts';
import type { StepDefinition } from './definition.ts';
import { type Entry, type Instance, stepKey } from './instance.ts';

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

/** A step returned a value that JSON does not keep, such as a Map, a Date or NaN. The message names the place. */
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

/** The wait before a run that nothing stands in the way of any more. */
export const atOnceMs = 50;

/** The longest wait that a row can hold. */
export const longestWaitMs = 60_000;

/** The codes of a callee that has done nothing, and may do it later. */
const notYet: ReadonlySet<string> = new Set(['SW_IDEMPOTENCY_IN_PROGRESS', 'SW_STEP_IN_PROGRESS', 'SW_SERVICE_UNREADY']);

/**
 * How long a step waits after a run in which nothing was done and nobody is at fault, such as behind an open breaker; the run is not an
 * attempt. In milliseconds, or `undefined` for any other error. At most a minute: the step waits as long in other processes as well, and
 * the end of the cause is not reported to it.
 */
export function postponedMs(error: unknown): number | undefined {
  const inProgress = error instanceof CallFailed && notYet.has(error.problem.code ?? '');
  if (!inProgress && !(error instanceof LocalRejection)) return undefined;
  return Math.min(longestWaitMs, Math.max(atOnceMs, retryAfterOf(error) ?? 500));
}

/**
 * How long an undo waits for an external command of its callee that has no outcome yet, in milliseconds, or `undefined` for any other
 * error. The callee drives the command to its outcome, and a repeat under the same key gets it. A step does not wait that way: an outcome
 * that stays unknown must be undone at some point.
 */
export function pendingMs(error: unknown): number | undefined {
  if (!(error instanceof CallFailed) || error.problem.code !== 'SW_OUTCOME_PENDING') return undefined;
  return Math.min(longestWaitMs, Math.max(1000, retryAfterOf(error) ?? 1000));
}

const unreadableMs = 30_000;
/** Well within the time for which a callee keeps its answer (24 h by default): after that it would do its work once more. */
const longestUnreadableMs = 12 * 3_600_000;

/**
 * How long a step waits for a deploy when its callee did the work and this code cannot read the answer: one of the two is of another
 * version, and only other code can read the outcome. In milliseconds; `undefined` for any other error, or when the step began too long
 * ago.
 */
export function waitsForCodeMs(error: unknown, began: number | undefined, now: number): number | undefined {
  const unreadable = error instanceof AnswerInvalid || (error instanceof CallFailed && error.problem.code === 'SW_ANSWER_OUTDATED');
  return unreadable && now - (began ?? now) < longestUnreadableMs ? unreadableMs : undefined;
}

/** Adds the signal to the context of a run. The signal is made when it is first read. */
export const seenWithin = <T extends object>(seen: T, within: Scope): T & { readonly signal: AbortSignal } => ({
  ...seen,
  get signal() {
    return within.signal;
  },
});

const started = async (work: (within: Scope) => unknown, within: Scope): Promise<unknown> => work(within);

/**
 * Runs `work` of a step or an undo until its timeout has elapsed or a parent aborts. Work that is aborted continues unobserved. Whatever
 * it throws becomes an error that can be read.
 */
export async function bounded(
  clock: Clock,
  { name, timeoutMs: ms }: StepDefinition,
  parents: readonly Scope[],
  work: (within: Scope) => unknown,
): Promise<unknown> {
  const reason = (): unknown =>
    new StepTimeout(`a run of the step ${name} took longer than ${ms / 1000} s: it was aborted, and counts as failed`);
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
  readonly follow?: Follow | undefined;
}

/** What one run of a step or of its undo has. */
export interface Running {
  readonly within: Scope;
  readonly trace: TraceContext | undefined;
  /** The lifetime of what the run is given. */
  readonly run: Lifetime;
}

const spans = { do: 'seaworthy_saga_step', undo: 'seaworthy_saga_undo' } as const;

/**
 * One run of a step or of its undo as a span, bounded by its timeout. A run that `parents` abort has not failed. Throws `NotAwaited` when
 * `work` returns while a call or a statement that it made is open; `settled` throws it for what only the caller knows of.
 */
export async function stepRun(
  verb: 'do' | 'undo',
  { runtime, follow = 'parent' }: Tracing,
  { id, name, trace }: Instance,
  step: StepDefinition,
  parents: readonly Scope[],
  work: (running: Running) => unknown,
  settled?: (run: string) => void,
): Promise<unknown> {
  const life = new Lifetime(`the ${verb === 'undo' ? 'undo of the step' : 'step'} ${step.name} of ${name}`, runtime.observe);
  const running = async (within: Scope): Promise<unknown> => {
    try {
      return await life.run(() => span.run(() => work({ within, trace: span.trace, run: life })), settled && (() => settled(life.name)));
    } catch (error) {
      // Calls that were not awaited are aborted, as at the end of the run's time.
      if (error instanceof NotAwaited) within.abort(error);
      throw error;
    }
  };
  const place = { ...following(trace, follow), detail: { id } };
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

/** What a run of a step is given beside its signal: copies, so that what it changes neither a repeated run nor the journal sees. */
export interface Seen {
  readonly input: unknown;
  readonly results: unknown;
  readonly now: number;
}

type Work = (context: never) => unknown;

/** Runs `do` or `undo` of a local step in a transaction. */
export function runLocal(
  verb: 'do' | 'undo',
  parts: Tracing & { readonly store: Store<unknown, unknown> },
  instance: Instance,
  step: StepDefinition,
  given: {
    readonly tx: unknown;
    readonly own: Tx;
    readonly publish: (...args: never[]) => void;
    readonly seen: Seen;
    readonly parents: readonly Scope[];
  },
): Promise<unknown> {
  const { tx, own, publish, seen, parents } = given;
  const run = step.step[verb] as Work;
  const work = ({ within, run: life }: Running): unknown =>
    run(seenWithin({ ...seen, tx: lentTx(parts.store, tx, life), publish: life.lend('publish', publish) }, within) as never);
  return stepRun(verb, parts, instance, step, parents, work, (name) => own.level.verify(name));
}

/** Runs `do` or `undo` of a remote step. `begun` gets the calls of the run, `entry` is the journal's entry of a step that is undone. */
export function runRemote(
  verb: 'do' | 'undo',
  parts: Tracing & { readonly call: Caller },
  instance: Instance,
  step: StepDefinition,
  given: {
    readonly seen: Seen;
    readonly parents: readonly Scope[];
    readonly begun: (calls: Calls) => void;
    readonly entry?: Pick<Entry, 'refusals' | 'refusalsAtVerdict'>;
  },
): Promise<unknown> {
  const { seen, parents, begun, entry } = given;
  const { call: caller, runtime } = parts;
  const own = stepKey(instance, step.name);
  const keys =
    verb === 'do'
      ? { key: own }
      : { key: `${own}.undo`, undoes: own, refusals: entry?.refusals, refusalsAtVerdict: entry?.refusalsAtVerdict };
  const run = step.step[verb] as Work;
  return stepRun(verb, parts, instance, step, parents, ({ within, trace, run: life }) => {
    const calls = callsOf({ caller, clock: runtime.clock, step, within, trace, run: life, ...keys });
    begun(calls);
    return run(seenWithin({ ...seen, call: calls.call }, within) as never);
  });
}
