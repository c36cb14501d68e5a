import type { Command } from 'commander';
import { later } from '../later.ts';

/** Adds `new`. */
export function newVerb(program: Command): void {
  program
    .command('new')
    .description('makes a service with its contract, a test and, in an empty folder, a project around it')
    .argument('<name>', 'of the service: lower case letters, digits and hyphens')
    .action(later(async () => (await import('../create.ts')).create));
}
