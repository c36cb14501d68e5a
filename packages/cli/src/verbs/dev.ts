import type { Command } from 'commander';
import { lazy } from '../lazy.ts';
import { withSettings } from '../options.ts';

/** Adds the verb `dev`, and the hidden verb that its child process runs. */
export function devVerbs(program: Command): void {
  withSettings(
    program
      .command('dev')
      .description('runs the whole fleet in one process, and restarts it when a source file changes; state is kept')
      .argument('[fleet]', 'the fleet file'),
    ['dir', 'port', 'host', 'ports', 'logLevel'],
  ).action(lazy(async () => (await import('../dev/dev.ts')).dev));
  program
    .command('dev-child', { hidden: true })
    .argument('<fleet>')
    .action(lazy(async () => (await import('../dev/child.ts')).runAsChild));
}
