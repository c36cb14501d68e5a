import { AnswerInvalid, CallFailed } from '../client/errors.ts';
import { retryAfterOf } from '../resilience/classify.ts';
import { LocalRejection } from '../resilience/errors.ts';

/** The wait, in milliseconds, before a run that nothing delays any more. */
export const atOnceMs = 50;

/** The longest wait that a row can hold, in milliseconds. */
export const longestWaitMs = 60_000;

/** The codes of a callee that is still at it, or at another command of the same step. */
const inProgress: ReadonlySet<string> = new Set(['SW_IDEMPOTENCY_IN_PROGRESS', 'SW_STEP_IN_PROGRESS']);

const isNotYet = (error: unknown): boolean => error instanceof CallFailed && (error.absent || inProgress.has(error.problem.code ?? ''));

/**
 * Returns how long a step waits after a run that says nothing about the step, such as one behind an open breaker, or at a callee whose
 * database is not available; the run is not an attempt. In milliseconds, or `undefined` for any other error. At most a minute: the step
 * waits as long in other processes as well, and the end of the cause is not reported to it.
 */
export function postponedMs(error: unknown): number | undefined {
  if (!isNotYet(error) && !(error instanceof LocalRejection)) return undefined;
  return Math.min(longestWaitMs, Math.max(atOnceMs, retryAfterOf(error) ?? 500));
}

/**
 * Returns how long an undo waits for an external command of its callee that has no outcome yet, in milliseconds, or `undefined` for any
 * other error. The callee drives the command to its outcome, and a repeat under the same key gets it. A step does not wait that way: an
 * outcome that stays unknown must be undone at some point.
 */
export function pendingMs(error: unknown): number | undefined {
  if (!(error instanceof CallFailed) || error.problem.code !== 'SW_OUTCOME_PENDING') return undefined;
  return Math.min(longestWaitMs, Math.max(1000, retryAfterOf(error) ?? 1000));
}

const unreadableMs = 30_000;
/** This is well within the time for which a callee keeps its answer (24 h by default): after that it would do its work once more. */
const longestUnreadableMs = 12 * 3_600_000;

/**
 * Returns how long a step waits for a deploy when its callee did the work and this code cannot read the answer: one of the two is of
 * another version, and only other code can read the outcome. In milliseconds; `undefined` for any other error, or when the step began
 * too long ago.
 */
export function waitsForCodeMs(error: unknown, began: number | undefined, now: number): number | undefined {
  const unreadable = error instanceof AnswerInvalid || (error instanceof CallFailed && error.problem.code === 'SW_ANSWER_OUTDATED');
  return unreadable && now - (began ?? now) < longestUnreadableMs ? unreadableMs : undefined;
}
