import { described, readable, SeaworthyError, textOf } from 'seaworthy/core';
import { FleetMissing, UsageInvalid } from './errors.ts';
import { placeOf } from './place.ts';
import { paintError } from './terminal.ts';

/** The exit status that an error ends the command with: 2 when it was called wrongly, else 1. */
export function statusOf(thrown: unknown): 1 | 2 {
  const error = readable(thrown);
  return error instanceof UsageInvalid || error instanceof FleetMissing ? 2 : 1;
}

/** What a person can act on; for what nobody expected, where it happened. */
export const explained = (error: unknown): string => `${paintError('red', 'error')} ${told(readable(error))}\n`;

function told(error: unknown): string {
  if (!(error instanceof SeaworthyError)) return described(error).stack ?? textOf(error);
  const cause = readable(error.cause);
  const where = cause instanceof SeaworthyError ? undefined : placeOf(cause);
  return `${error.message} ${paintError('dim', `(${error.code})`)}${where === undefined ? '' : `\n${paintError('dim', `  at ${where}`)}`}`;
}
