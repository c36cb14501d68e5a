import { described, readable, SeaworthyError, textOf } from 'seaworthy/core';
import { FleetMissing, UsageInvalid } from './errors.ts';
import { sourceLocation } from './source-location.ts';
import { paintError } from './terminal.ts';

/** Returns the exit status for an error: 2 for wrong usage, else 1. */
export function statusOf(thrown: unknown): 1 | 2 {
  const error = readable(thrown);
  return error instanceof UsageInvalid || error instanceof FleetMissing ? 2 : 1;
}

/** Formats an error for the user: message and code, or the stack of an unexpected error. */
export const errorReport = (error: unknown): string => `${paintError('red', 'error')} ${textOfError(readable(error))}\n`;

function textOfError(error: unknown): string {
  if (!(error instanceof SeaworthyError)) return described(error).stack ?? textOf(error);
  const cause = readable(error.cause);
  const where = cause instanceof SeaworthyError ? undefined : sourceLocation(cause);
  return `${error.message} ${paintError('dim', `(${error.code})`)}${where === undefined ? '' : `\n${paintError('dim', `  at ${where}`)}`}`;
}
