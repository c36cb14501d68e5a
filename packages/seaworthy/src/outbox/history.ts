import type { Finding } from '../contract/schema.ts';
import { described, fieldOf, textOf } from '../core/thrown.ts';

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

/** A redriven event may fail again and again; what is oldest is forgotten. */
const most = 50;

/** What is wrong with the data, as far as it can be read: an error that is not ours may have anything under this name. */
function issuesOf(error: unknown): readonly Finding[] {
  const findings: Finding[] = [];
  try {
    for (const finding of (fieldOf(error, 'issues') ?? []) as Iterable<unknown>) {
      const [path, message] = [fieldOf(finding, 'path'), fieldOf(finding, 'message')];
      if (typeof path === 'string' && typeof message === 'string') findings.push({ path: textOf(path), message: textOf(message) });
      if (findings.length === 20) break;
    }
  } catch {
    // What was read until here is all there is.
  }
  return findings;
}

/** What is kept of an error: bounded texts, so that no error can break the row. */
export function recordedError(error: unknown): RecordedError {
  const { type: name, message, code, stack } = described(error);
  const issues = issuesOf(error);
  return {
    name,
    message,
    ...(code !== undefined && { code: String(code) }),
    ...(issues.length > 0 && { issues }),
    ...(stack !== undefined && { stack: stack.slice(0, 2000) }),
  };
}

export const withAttempt = (history: readonly FailedAttempt[], attempt: FailedAttempt): readonly FailedAttempt[] =>
  [...history, attempt].slice(-most);
