import { longestMs } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import { longestKey } from '../core/key.ts';
import type { TraceContext } from '../core/trace.ts';

export const longestDeadlineMs = longestMs;

/** A header that breaks its rule; the message names both. */
export class HeaderInvalid extends SeaworthyError {
  readonly code = 'SW_HEADER_INVALID';
  readonly kind = 'invalid';
}

/** The headers of a call. */
export interface CallHeaders {
  /** `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header). */
  readonly key: string | undefined;
  /** `Seaworthy-Deadline-Ms`: the time left of the caller's deadline, in milliseconds. */
  readonly deadlineMs: number | undefined;
  /** `Seaworthy-Undoes`: the key of the saga step that this call undoes. */
  readonly undoes: string | undefined;
  /** `Seaworthy-Attempt`: 1 for the first attempt. */
  readonly attempt: number;
}

type Incoming = Readonly<Record<string, string | readonly string[] | undefined>>;

function one(headers: Incoming, name: string): string | undefined {
  const value = headers[name];
  if (value === undefined || typeof value === 'string') return value;
  throw new HeaderInvalid(`${name}: was sent ${value.length} times: send it once`);
}

/** Returns an idempotency key that a header can carry. Throws `HeaderInvalid` for any other. */
export function checkedKey(value: string | undefined, name = 'idempotency-key'): string | undefined {
  if (value === undefined || (value.length <= longestKey && /^[\x21-\x7e]+$/.test(value))) return value;
  throw new HeaderInvalid(`${name}: takes 1 to ${longestKey} visible ASCII characters without spaces`);
}

const keyIn = (headers: Incoming, name: string): string | undefined => checkedKey(one(headers, name), name);

function wholeIn(headers: Incoming, name: string, largest: number): number | undefined {
  const value = one(headers, name);
  if (value === undefined) return undefined;
  if (/^\d{1,13}$/.test(value) && Number(value) <= largest) return Number(value);
  throw new HeaderInvalid(`${name}: takes a whole number from 0 to ${largest}`);
}

/** Reads the headers of a call. Throws `HeaderInvalid`. */
export function readHeaders(headers: Incoming): CallHeaders {
  return {
    key: keyIn(headers, 'idempotency-key'),
    deadlineMs: wholeIn(headers, 'seaworthy-deadline-ms', longestDeadlineMs),
    undoes: keyIn(headers, 'seaworthy-undoes'),
    attempt: wholeIn(headers, 'seaworthy-attempt', 1_000_000) ?? 1,
  };
}

/** Writes the headers of a call. `trace` becomes the headers of W3C Trace Context; `traceOf` reads them. */
export function writeHeaders({ key, deadlineMs, undoes, attempt }: CallHeaders, trace?: TraceContext): Record<string, string> {
  return {
    ...(key !== undefined && { 'idempotency-key': key }),
    ...(deadlineMs !== undefined && { 'seaworthy-deadline-ms': String(Math.floor(Math.min(deadlineMs, longestDeadlineMs))) }),
    ...(undoes !== undefined && { 'seaworthy-undoes': undoes }),
    ...(attempt > 1 && { 'seaworthy-attempt': String(attempt) }),
    ...trace,
  };
}
