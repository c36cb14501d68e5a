import type { Command } from 'commander';
import { lazy } from '../lazy.ts';
import { withSettings } from '../options.ts';

/** Adds the verb `backup`. */
export function backupVerb(program: Command): void {
  withSettings(
    program
      .command('backup')
      .description('copies the embedded databases of the fleet as of one moment, also while it runs')
      .argument('<folder>', 'a new or an empty folder')
      .option('-f, --fleet <file>', 'the fleet file'),
    ['dir'],
  )
    .option('--json', 'prints JSON')
    .action(lazy(async () => (await import('../backup.ts')).backup));
}
