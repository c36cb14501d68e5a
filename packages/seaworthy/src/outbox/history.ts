import type { Finding } from '../contract/schema.ts';

/** One attempt at an event that failed, as it is kept with the event. */
export interface FailedAttempt {
  /** From 1; begins anew after a redrive. */
  readonly attempt: number;
  /** In milliseconds since the epoch. */
  readonly at: number;
  readonly error: RecordedError;
}

export interface RecordedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly issues?: readonly Finding[];
}

const longest = 2000;
/** A redriven event may fail again and again; what is oldest is forgotten. */
const most = 50;

/** What is kept of an error: no value of it can break the row. */
export function recordedError(error: unknown): RecordedError {
  if (!(error instanceof Error)) return { name: 'unknown', message: String(error).slice(0, longest) };
  const { code, issues } = error as {
    readonly code?: unknown;
    readonly issues?: readonly Finding[];
  };
  return {
    name: error.name,
    message: error.message.slice(0, longest),
    ...(typeof code === 'string' && { code }),
    ...(Array.isArray(issues) && issues.length > 0 && { issues }),
    ...(error.stack && { stack: error.stack.slice(0, longest) }),
  };
}

export const withAttempt = (history: readonly FailedAttempt[], attempt: FailedAttempt): readonly FailedAttempt[] =>
  [...history, attempt].slice(-most);
