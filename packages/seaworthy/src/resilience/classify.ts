import { SeaworthyError } from '../core/errors.ts';
import { fieldOf, isA } from '../core/thrown.ts';
import { LocalLimit, LocalRejection } from './errors.ts';

/**
 * The meaning of an outcome for a breaker. `success`: the callee is well, as with an error that its contract declares. `failure`: the
 * callee failed. `fault`: the callee answers, but failed at this request, which may be to blame; a breaker counts it in `failureRate`,
 * and not in a row. `ignored`: the outcome says nothing about the callee, such as an abort, a local rejection or a wrong request.
 */
export type Classification = 'success' | 'failure' | 'fault' | 'ignored';

/** Classifies a thrown error. */
export type Classify = (error: unknown) => Classification;

/** Tells whether a status blames the request; 408, 425 and 429 do not, since the same request may succeed later. */
const isClientError = (status: unknown): boolean =>
  typeof status === 'number' && status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;

/** The codes of HTTP clients and parsers for an answer that exceeds a local limit. A retry would exceed it again. */
const limits: ReadonlySet<unknown> = new Set([
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'UND_ERR_HEADERS_OVERFLOW',
  'HPE_HEADER_OVERFLOW',
  'ERR_STRING_TOO_LONG',
]);

/** Tells whether an answer exceeds a local limit. `fetch` has the error of the client as its cause. */
export const isBeyondLimit = (error: unknown): boolean =>
  isA(error, LocalLimit) || limits.has(fieldOf(error, 'code')) || limits.has(fieldOf(fieldOf(error, 'cause'), 'code'));

/** Classifies an error by default: local rejections and limits, wrong requests and aborts are `ignored`, all else is a `failure`. */
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
  // The policy settles its own aborts before the work does. This abort comes from the work itself, so its caller left.
  if (fieldOf(error, 'name') === 'AbortError') return 'ignored';
  return isClientError(fieldOf(error, 'status')) || isClientError(fieldOf(error, 'statusCode')) ? 'ignored' : 'failure';
};

/** Returns the milliseconds that the callee asks to wait, if the error has them; a negative number asks not to retry. */
export function retryAfterOf(error: unknown): number | undefined {
  const retryAfterMs = fieldOf(error, 'retryAfterMs');
  return typeof retryAfterMs === 'number' && !Number.isNaN(retryAfterMs) ? retryAfterMs : undefined;
}

const isTimeoutStatus = (status: unknown): boolean => status === 408 || status === 504;

/** Tells whether an error reports a timeout: a local one, or that of a callee or proxy whose deadline came with the call. */
export const isLate = (error: unknown): boolean =>
  isA(error, SeaworthyError)
    ? error.kind === 'deadline'
    : fieldOf(error, 'name') === 'TimeoutError' ||
      isTimeoutStatus(fieldOf(error, 'status')) ||
      isTimeoutStatus(fieldOf(error, 'statusCode'));

/** The system calls that fail before anything is sent (https://nodejs.org/api/errors.html#errorsyscall). */
const beforeSending: ReadonlySet<unknown> = new Set(['connect', 'getaddrinfo']);
const unconnected: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']);

const isUnconnected = (error: unknown): boolean => beforeSending.has(fieldOf(error, 'syscall')) || unconnected.has(fieldOf(error, 'code'));

/**
 * Tells whether an error means that the callee is absent: no connection was made, or the service does not serve yet (`absent`). An
 * absent callee is not overloaded, so a longer wait does not help it.
 */
export const isAbsent = (error: unknown): boolean =>
  fieldOf(error, 'absent') === true || isUnconnected(error) || isUnconnected(fieldOf(error, 'cause'));
