import { CommanderError } from 'commander';
import { io } from './io.ts';
import { program } from './program.ts';

/** A fleet file may throw anything, even a value for which `instanceof` throws. */
function isCommanders(error: unknown): error is CommanderError {
  try {
    return error instanceof CommanderError;
  } catch {
    return false;
  }
}

/** Runs the command. Output and exit status go to `io()`. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(args, { from: 'user' });
  } catch (error) {
    if (isCommanders(error)) {
      if (error.exitCode !== 0) io().status(2);
      return;
    }
    const { errorReport, statusOf } = await import('./error-report.ts');
    io().status(statusOf(error));
    io().err(errorReport(error));
  }
}
