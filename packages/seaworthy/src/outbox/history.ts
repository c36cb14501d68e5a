import type { Finding } from '../contract/schema.ts';
import { described, fieldOf, textOf } from '../core/thrown.ts';

/** A failed attempt, as it is stored with its event. */
export interface FailedAttempt {
  /** Counted from 1, and again from 1 after a redrive. */
  readonly attempt: number;
  /** When it failed, in milliseconds since the epoch. */
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

/** A redriven event may fail many times; the oldest attempts are forgotten. */
const most = 50;

/** Reads the `issues` of an error as far as possible: an error of other code may have anything under this name. */
function issuesOf(error: unknown): readonly Finding[] {
  const findings: Finding[] = [];
  try {
    for (const finding of (fieldOf(error, 'issues') ?? []) as Iterable<unknown>) {
      const [path, message] = [fieldOf(finding, 'path'), fieldOf(finding, 'message')];
      if (typeof path === 'string' && typeof message === 'string') findings.push({ path: textOf(path), message: textOf(message) });
      if (findings.length === 20) break;
    }
  } catch {
    // The findings that were read before the failure are kept.
  }
  return findings;
}

/** Returns the stored form of an error. Its texts are bounded, so that no error can break the row. */
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
