import { SeaworthyError } from '../core/errors.ts';
import { fieldOf, isA } from '../core/thrown.ts';
import { LocalLimit, LocalRejection } from './errors.ts';

/**
 * What an outcome says of the callee. `ignored`: nothing, such as a caller who left, a rejection of our own or a request
 * that was wrong; it frees its half-open permit and changes no state. `fault`: the callee is there, and says that it failed at
 * this request, which may be the request's own doing: a breaker counts it in its `failureRate`, and not in a row.
 */
export type Verdict = 'success' | 'failure' | 'fault' | 'ignored';

/** Judges what was thrown. `success`: the callee is well all the same, as with an error that its contract declares. */
export type Classify = (error: unknown) => Verdict;

/** Statuses of the caller's own making, but for those that say "not now": 408, 425 and 429. */
const callersFault = (status: unknown): boolean =>
  typeof status === 'number' && status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;

/** Codes of HTTP clients and parsers for an answer beyond a limit that was set here. It will be as large the next time. */
const limits: ReadonlySet<unknown> = new Set([
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'UND_ERR_HEADERS_OVERFLOW',
  'HPE_HEADER_OVERFLOW',
  'ERR_STRING_TOO_LONG',
]);

/** Whether an error says that what the callee sent is more than we take. `fetch` has the client's own error as its cause. */
export const isBeyondLimit = (error: unknown): boolean =>
  isA(error, LocalLimit) || limits.has(fieldOf(error, 'code')) || limits.has(fieldOf(fieldOf(error, 'cause'), 'code'));

/** The default: our rejections and limits, wrong requests and callers who left are ignored; all else is a failure of the callee. */
export const classify: Classify = (error) => {
  if (isA(error, LocalRejection) || isBeyondLimit(error)) return 'ignored';
  if (isA(error, SeaworthyError)) {
    return error.kind === 'invalid' ||
      error.kind === 'not_found' ||
      error.kind === 'conflict' ||
      error.kind === 'mismatch' ||
      error.kind === 'cancelled'
      ? 'ignored'
      : 'failure';
  }
  // An abort that work throws by itself is not ours, which settles first: its caller left by a way of his own.
  if (fieldOf(error, 'name') === 'AbortError') return 'ignored';
  return callersFault(fieldOf(error, 'status')) || callersFault(fieldOf(error, 'statusCode')) ? 'ignored' : 'failure';
};

/** How long the callee asked to be left alone, if the error tells; negative means: do not retry. */
export function retryAfterOf(error: unknown): number | undefined {
  const retryAfterMs = fieldOf(error, 'retryAfterMs');
  return typeof retryAfterMs === 'number' && !Number.isNaN(retryAfterMs) ? retryAfterMs : undefined;
}

const saysLate = (status: unknown): boolean => status === 408 || status === 504;

/** Whether an error says that time ran out: here, at the callee for a deadline that came with the call, or in between. */
export const isLate = (error: unknown): boolean =>
  isA(error, SeaworthyError)
    ? error.kind === 'deadline'
    : fieldOf(error, 'name') === 'TimeoutError' || saysLate(fieldOf(error, 'status')) || saysLate(fieldOf(error, 'statusCode'));

/** System calls that fail before anything is sent (https://nodejs.org/api/errors.html#errorsyscall). */
const beforeSending: ReadonlySet<unknown> = new Set(['connect', 'getaddrinfo']);
const unconnected: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']);

const isUnconnected = (error: unknown): boolean => beforeSending.has(fieldOf(error, 'syscall')) || unconnected.has(fieldOf(error, 'code'));

/**
 * Whether an error says that nobody was there: no connection was made, or the service does not serve yet (`absent`). It is no
 * sign of a callee that has too much to do, so nothing is gained by leaving it alone for long.
 */
export const isAbsent = (error: unknown): boolean =>
  fieldOf(error, 'absent') === true || isUnconnected(error) || isUnconnected(fieldOf(error, 'cause'));
