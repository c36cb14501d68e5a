import { CommanderError } from 'commander';
import { SeaworthyError } from 'seaworthy/core';
import { statusOf } from './errors.ts';
import { program } from './program.ts';
import { paintError } from './terminal.ts';

/** Runs the command; its exit status is in `process.exitCode`. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    process.exitCode = statusOf(error);
    process.stderr.write(`${paintError('red', 'error')} ${explained(error)}\n`);
  }
}

/** What a person can act on; for what nobody expected, where it happened. */
export function explained(error: unknown): string {
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
