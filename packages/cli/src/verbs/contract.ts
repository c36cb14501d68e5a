import { type Command, Option } from 'commander';
import { lockName } from '../contract/lock-name.ts';
import { later } from '../later.ts';

/** Adds `contract` with its verbs. */
export function contractVerbs(program: Command): void {
  const verb = program
    .command('contract')
    .helpCommand(false)
    .description('what services promise each other: print it, compare two versions');
  verb
    .command('print')
    .description('operations, events and their schemas, as JSON')
    .argument('[service...]', 'of which services; default all')
    .option('-f, --fleet <file>', 'the fleet file')
    .addOption(
      new Option('--as <form>', 'openapi is of the gateway or of one service').choices(['json', 'openapi', 'asyncapi']).default('json'),
    )
    .option('--lock', `writes ${lockName} beside the fleet file, to compare with later`)
    .option('--out <file>', 'writes it to this file')
    .action(later(async () => (await import('../contract/print.ts')).printContracts));
  verb
    .command('check')
    .description('whether those who have the old version can go on beside the new one; ends with 1 when not')
    .argument('[old]', `a ${lockName} or a fleet file; default the lock beside the fleet file`)
    .argument('[new]', 'the same; default the fleet file')
    .option('-f, --fleet <file>', 'the fleet file')
    .option('--strict', 'ends with 1 also when a place is undecided')
    .option('--json', 'the findings as JSON')
    .action(later(async () => (await import('../contract/check.ts')).check));
}
