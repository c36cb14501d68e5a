import { AnswerInvalid, CallFailed } from '../client/errors.ts';
import { asJson } from '../contract/as-json.ts';
import { sentence } from '../contract/schema.ts';
import { type Scope, scope } from '../core/abort.ts';
import type { Clock } from '../core/clock.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { readable } from '../core/thrown.ts';
import { retryAfterOf } from '../resilience/classify.ts';
import { LocalRejection } from '../resilience/errors.ts';
import type { Entry, Instance } from './journal.ts';
import type { Recorded } from './saga.ts';

/** A run of a step or an undo took longer than its timeout: a transaction was rolled back, what calls did is unknown. */
export class StepTimeout extends SeaworthyError {
  readonly code = 'SW_SAGA_STEP_TIMEOUT';
  readonly kind = 'deadline';
}

/** Too many processes died while they ran a step, or its undo: it is not run again. */
export class StepCrashed extends SeaworthyError {
  readonly code = 'SW_SAGA_STEP_CRASHED';
  readonly kind = 'internal';
}

/** The running step is cut short since its saga is to be stopped, or its deadline has passed; it will be undone. */
export class SagaStopping extends SeaworthyError {
  readonly code = 'SW_SAGA_STOPPING';
  readonly kind = 'cancelled';
}

/** A step returned something that JSON does not keep, such as a Map, a Date or NaN; the message names the place. */
export class ResultInvalid extends SeaworthyError {
  readonly code = 'SW_SAGA_RESULT_INVALID';
  readonly kind = 'internal';
}

/** Why the step, or its undo, is not run again. */
export const stepCrashed = (what: string, deaths: number): StepCrashed =>
  new StepCrashed(`${deaths} processes died while they ran ${what}: it is not run again; find what kills them and correct it`);

/** Before a run that nothing stands in the way of any more. */
export const atOnceMs = 50;

export const stepKey = (instance: Instance, step: string): string => `${instance.id}.${step}`;

/** Results by the names of the steps that gave them. */
export const resultsOf = (journal: readonly Entry[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(journal.filter(({ state }) => state !== 'intended' && state !== 'refused').map(({ step, result }) => [step, result]));

/** A result as it will be read again. Throws `ResultInvalid`. */
export function kept(step: string, result: unknown): unknown {
  if (result === undefined) return undefined;
  const json = asJson(result);
  if ('value' in json) return json.value;
  throw new ResultInvalid(`the result of the step ${step} is not JSON: ${sentence([json.fault])}`);
}

/** What a callee answers with that has done nothing, and may do it later. */
const notYet: ReadonlySet<string> = new Set(['SW_IDEMPOTENCY_IN_PROGRESS', 'SW_STEP_IN_PROGRESS', 'SW_SERVICE_UNREADY']);

/** No row says that a saga waits for longer. */
export const longestWaitMs = 60_000;

/**
 * Nothing was done and nobody is to blame: the step waits, and has not used up an attempt. Milliseconds, or `undefined`. At most a
 * minute, since it waits that long in other processes, too, and whoever mends the cause cannot tell it.
 */
export function postponedMs(error: unknown): number | undefined {
  const inProgress = error instanceof CallFailed && notYet.has(error.problem.code ?? '');
  if (!inProgress && !(error instanceof LocalRejection)) return undefined;
  return Math.min(longestWaitMs, Math.max(atOnceMs, retryAfterOf(error) ?? 500));
}

/**
 * The callee has begun it and drives it to an outcome, which a repeat under its key is told. An undo waits for that, as it waits for
 * the outcome of its step; a step whose outcome stays unknown must be undone some time. Milliseconds, or `undefined`.
 */
export function pendingMs(error: unknown): number | undefined {
  if (!(error instanceof CallFailed) || error.problem.code !== 'SW_OUTCOME_PENDING') return undefined;
  return Math.min(longestWaitMs, Math.max(1000, retryAfterOf(error) ?? 1000));
}

const unreadableMs = 30_000;
/** Well within the time for which a callee keeps its answer (24 h by default): after that it would do its work once more. */
const longestUnreadableMs = 12 * 3_600_000;

/**
 * The callee answered, and so did its work, but not as this code's contract has it: one of the two is of another version. Only
 * other code can tell what came of it, so that the step waits for a deploy instead of being undone. Milliseconds; `undefined` once
 * it began too long ago.
 */
export function waitsForCodeMs(error: unknown, began: number | undefined, now: number): number | undefined {
  const unreadable = error instanceof AnswerInvalid || (error instanceof CallFailed && error.problem.code === 'SW_ANSWER_OUTDATED');
  return unreadable && now - (began ?? now) < longestUnreadableMs ? unreadableMs : undefined;
}

/** Exponential with full jitter, from 1 s. */
export const backoffMs = (attempts: number, longestMs: number, random: Random): number =>
  Math.max(50, random.next() * Math.min(longestMs, 1000 * 2 ** Math.min(attempts - 1, 20)));

const runs = async (work: (within: Scope) => unknown, within: Scope): Promise<unknown> => work(within);

/** What a run is given, with its signal, which is made when it is first asked for. */
export const seenWithin = <T extends object>(seen: T, within: Scope): T & { readonly signal: AbortSignal } => ({
  ...seen,
  get signal() {
    return within.signal;
  },
});

/**
 * Runs `work` of a step or an undo until its timeout is over or a parent aborts. Work that was cut goes on by itself, and is not
 * heard. It throws nothing that cannot be read.
 */
export async function bounded(clock: Clock, step: Recorded, parents: readonly Scope[], work: (within: Scope) => unknown): Promise<unknown> {
  const { name, timeoutMs: ms } = step;
  const reason = (): unknown =>
    new StepTimeout(`a run of the step ${name} took longer than ${ms / 1000} s: it was cut, and counts as failed`);
  const within = scope({ clock, parents, timeout: { ms, reason } });
  try {
    if (within.aborted) throw within.reason;
    return await within.race(runs(work, within));
  } catch (error) {
    throw readable(error);
  } finally {
    within.end();
  }
}
