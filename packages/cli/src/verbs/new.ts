import type { Command } from 'commander';
import { lazy } from '../lazy.ts';

/** Adds the verb `new`. */
export function newVerb(program: Command): void {
  program
    .command('new')
    .description('makes a service with a contract and a test and, in an empty folder, a project around it')
    .argument('<name>', 'the name of the service: lower case letters, digits and hyphens')
    .action(lazy(async () => (await import('../create.ts')).create));
}
