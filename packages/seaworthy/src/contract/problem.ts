import { longestMs } from '../core/duration.ts';
import type { Kind, SeaworthyError } from '../core/errors.ts';
import { bounded, textOf } from '../core/thrown.ts';
import { findingsOf } from './findings.ts';
import { isObject } from './json.ts';
import type { Finding } from './standard.ts';

/** RFC 9457, with our stable code. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code?: string;
  /** What is wrong where: `{ path: 'items.0.quantity', message: '...' }`. */
  readonly issues?: readonly Finding[];
  readonly retryAfterMs?: number;
  /** Of an aggregate: how each part fared. */
  readonly parts?: Readonly<Record<string, string>>;
}

/** The one table of what an error is to a caller, for every transport (HTTP as google.rpc's code.proto maps it). */
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

/** What a caller may do about a status that some other server gave. */
export function kindOf(status: number): Kind {
  for (const [kind, [known]] of Object.entries(statusOf)) if (known === status) return kind as Kind;
  if (status === 408) return 'deadline';
  // Too Early (RFC 8470, 5.2): the same request is taken later.
  if (status === 425) return 'unavailable';
  return status >= 500 ? 'internal' : 'invalid';
}

/** What an error may say beside its message. */
interface Telling {
  readonly issues?: unknown;
  readonly parts?: unknown;
}

/** More parts than any aggregate has. */
const mostParts = 100;

/** How the parts fared, as texts; an error of a user's own may have anything under that name. */
function partsOf(parts: unknown): Problem['parts'] {
  if (!isObject(parts)) return undefined;
  const all = Object.entries(parts).slice(0, mostParts);
  return Object.fromEntries(all.map(([name, fared]) => [bounded(name, 100), bounded(String(fared), 100)]));
}

/**
 * An error as a problem document, bounded: any code may throw an error with a text of any length. What went wrong inside is for
 * the log, not for the caller.
 */
export function problemOf(error: SeaworthyError): Problem {
  const [status, title] = statusOf[error.kind];
  const { issues, parts: fared } = error as Telling;
  const parts = partsOf(fared);
  // Whoever makes an error may write anything there; what is negative asks not to be repeated, which has no form on the wire.
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
