import { type Command, Option } from 'commander';
import { lockName } from '../contract/lock-name.ts';
import { lazy } from '../lazy.ts';

/** Adds the verbs of `contract`. */
export function contractVerbs(program: Command): void {
  const verb = program.command('contract').helpCommand(false).description('prints contracts, and compares two versions of them');
  verb
    .command('print')
    .description('prints operations, events and their schemas as JSON')
    .argument('[service...]', 'the services; default all')
    .option('-f, --fleet <file>', 'the fleet file')
    .addOption(
      new Option('--as <form>', 'the format; openapi describes the gateway or one service')
        .choices(['json', 'openapi', 'asyncapi'])
        .default('json'),
    )
    .option('--lock', `writes ${lockName} beside the fleet file, for later comparisons`)
    .option('--out <file>', 'writes to this file')
    .action(lazy(async () => (await import('../contract/print.ts')).printContracts));
  verb
    .command('check')
    .description('checks that users of the old version can work with the new one; ends with 1 if not')
    .argument('[old]', `a ${lockName} or a fleet file; default the lock beside the fleet file`)
    .argument('[new]', `a ${lockName} or a fleet file; default the fleet file`)
    .option('-f, --fleet <file>', 'the fleet file')
    .option('--strict', 'ends with 1 also if a place is undecided')
    .option('--json', 'prints the findings as JSON')
    .action(lazy(async () => (await import('../contract/check.ts')).check));
}
