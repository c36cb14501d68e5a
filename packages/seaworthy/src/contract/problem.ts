import { longestMs } from '../core/duration.ts';
import type { Kind, SeaworthyError } from '../core/errors.ts';
import { bounded, textOf } from '../core/thrown.ts';
import { findingsOf } from './findings.ts';
import { isObject } from './json.ts';
import type { Finding } from './standard.ts';

/** A problem document (RFC 9457) with the toolkit's stable code. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code?: string;
  /** What is wrong, with its place: `{ path: 'items.0.quantity', message: '...' }`. */
  readonly issues?: readonly Finding[];
  readonly retryAfterMs?: number;
  /** The result of each part of an aggregate. */
  readonly parts?: Readonly<Record<string, string>>;
}

/** The status and title of each kind of error, for every transport (HTTP as google.rpc's code.proto maps it). */
export const statusOf: Readonly<Record<Kind, readonly [status: number, title: string]>> = {
  invalid: [400, 'Bad Request'],
  not_found: [404, 'Not Found'],
  conflict: [409, 'Conflict'],
  mismatch: [422, 'Unprocessable Content'],
  exhausted: [429, 'Too Many Requests'],
  cancelled: [499, 'Client Closed Request'],
  internal: [500, 'Internal Server Error'],
  upstream: [502, 'Bad Gateway'],
  unavailable: [503, 'Service Unavailable'],
  deadline: [504, 'Gateway Timeout'],
};

/** Returns the kind of error that a status of another server stands for. */
export function kindOf(status: number): Kind {
  for (const [kind, [known]] of Object.entries(statusOf)) if (known === status) return kind as Kind;
  if (status === 408) return 'deadline';
  // Too Early (RFC 8470, 5.2): the same request is taken later.
  if (status === 425) return 'unavailable';
  return status >= 500 ? 'internal' : 'invalid';
}

/** The details that an error may have beside its message. */
interface Details {
  readonly issues?: unknown;
  readonly parts?: unknown;
}

/** More parts than any aggregate has. */
const mostParts = 100;

/** Returns the results of the parts as texts; an error of a user may have any value under that name. */
function partsOf(parts: unknown): Problem['parts'] {
  if (!isObject(parts)) return undefined;
  const all = Object.entries(parts).slice(0, mostParts);
  return Object.fromEntries(all.map(([name, result]) => [bounded(name, 100), bounded(String(result), 100)]));
}

/**
 * Makes the problem document of an error. Its texts are bounded, since any code may throw an error with a text of any length. The details
 * of an internal error go to the log, not to the caller.
 */
export function problemOf(error: SeaworthyError): Problem {
  const [status, title] = statusOf[error.kind];
  const { issues, parts: results } = error as Details;
  const parts = partsOf(results);
  // Any code may set retryAfterMs. A negative number asks not to repeat the call, which HTTP cannot express.
  const wait = error.retryAfterMs ?? Number.NaN;
  return {
    type: 'about:blank',
    title,
    status,
    detail: error.kind === 'internal' ? 'the service failed; its log has the cause' : textOf(error),
    code: bounded(error.code, 200),
    ...(Array.isArray(issues) && { issues: findingsOf(issues) }),
    ...(parts && { parts }),
    ...(wait >= 0 && { retryAfterMs: Math.ceil(Math.min(wait, longestMs)) }),
  };
}
