import { CommanderError } from 'commander';
import { caller } from './caller.ts';
import { program } from './program.ts';

/** Runs the command; its caller hears what it says, and the exit status. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode !== 0) caller().status(2);
      return;
    }
    const { explained, statusOf } = await import('./explained.ts');
    caller().status(statusOf(error));
    caller().err(explained(error));
  }
}
