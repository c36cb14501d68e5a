import { SeaworthyError } from 'seaworthy/core';
import { FleetMissing, UsageInvalid } from './errors.ts';
import { paintError } from './terminal.ts';

/** The exit status that an error ends the command with: 2 when it was called wrongly, else 1. */
export const statusOf = (error: unknown): 1 | 2 => (error instanceof UsageInvalid || error instanceof FleetMissing ? 2 : 1);

/** What a person can act on; for what nobody expected, where it happened. */
export const explained = (error: unknown): string => `${paintError('red', 'error')} ${told(error)}\n`;

function told(error: unknown): string {
  if (!(error instanceof SeaworthyError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const { cause } = error;
  const where = cause instanceof Error && !(cause instanceof SeaworthyError) ? placeOf(cause) : undefined;
  return `${error.message} ${paintError('dim', `(${error.code})`)}${where === undefined ? '' : `\n${paintError('dim', `  ${where}`)}`}`;
}

/** The first place of a stack that is in a file of the user's own. */
const placeOf = ({ stack = '' }: Error): string | undefined =>
  stack
    .split('\n')
    .map((line) => line.trim())
    .find((line) => /^(at .*)?file:\/\//.test(line) && !line.includes('/node_modules/'));
