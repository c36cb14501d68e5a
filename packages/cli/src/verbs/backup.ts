import type { Command } from 'commander';
import { later } from '../later.ts';
import { withSettings } from '../options.ts';

/** Adds `backup`. */
export function backupVerb(program: Command): void {
  withSettings(
    program
      .command('backup')
      .description('copies the embedded databases of the fleet as they were at one moment, also while it runs')
      .argument('<folder>', 'a new or an empty folder')
      .option('-f, --fleet <file>', 'the fleet file'),
    ['dir'],
  )
    .option('--json', 'as JSON')
    .action(later(async () => (await import('../backup.ts')).backup));
}
