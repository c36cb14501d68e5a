import { SeaworthyError } from '../core/errors.ts';
import { LocalRejection } from './errors.ts';

/**
 * What an outcome says of the callee. `ignored`: nothing, such as a caller who left, a rejection of our own or a request
 * that was wrong; it frees its half-open permit and changes no state.
 */
export type Verdict = 'success' | 'failure' | 'ignored';

/** Judges what was thrown. `success`: the callee is well all the same, as with an error that its contract declares. */
export type Classify = (error: unknown) => Verdict;

/** Statuses of the caller's own making, but for those that say "not now": 408, 425 and 429. */
const callersFault = (status: unknown): boolean =>
  typeof status === 'number' && status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;

/** The default: our rejections, wrong requests and callers who left are ignored; all else is a failure of the callee. */
export const classify: Classify = (error) => {
  if (error instanceof LocalRejection) return 'ignored';
  if (error instanceof SeaworthyError) {
    return error.kind === 'invalid' ||
      error.kind === 'not_found' ||
      error.kind === 'conflict' ||
      error.kind === 'mismatch' ||
      error.kind === 'cancelled'
      ? 'ignored'
      : 'failure';
  }
  if (typeof error !== 'object' || error === null) return 'failure';
  const { name, status, statusCode } = error as { name?: unknown; status?: unknown; statusCode?: unknown };
  // An abort that work throws by itself is not ours, which settles first: its caller left by a way of his own.
  if (name === 'AbortError') return 'ignored';
  return callersFault(status) || callersFault(statusCode) ? 'ignored' : 'failure';
};

/** How long the callee asked to be left alone, if the error tells; negative means: do not retry. */
export function retryAfterOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { retryAfterMs } = error as { retryAfterMs?: unknown };
  return typeof retryAfterMs === 'number' && !Number.isNaN(retryAfterMs) ? retryAfterMs : undefined;
}
