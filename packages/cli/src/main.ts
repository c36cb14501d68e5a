import { CommanderError } from 'commander';
import { caller } from './caller.ts';
import { program } from './program.ts';

/** What a fleet file throws may be anything, also what cannot be asked for its kind. */
function isCommanders(error: unknown): error is CommanderError {
  try {
    return error instanceof CommanderError;
  } catch {
    return false;
  }
}

/** Runs the command; its caller hears what it says, and the exit status. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(args, { from: 'user' });
  } catch (error) {
    if (isCommanders(error)) {
      if (error.exitCode !== 0) caller().status(2);
      return;
    }
    const { explained, statusOf } = await import('./explained.ts');
    caller().status(statusOf(error));
    caller().err(explained(error));
  }
}
