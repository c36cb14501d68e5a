import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { caller } from './caller.ts';
import { backupVerb } from './verbs/backup.ts';
import { completionVerbs } from './verbs/completion.ts';
import { contractVerbs } from './verbs/contract.ts';
import { deadLetterVerbs } from './verbs/dead-letters.ts';
import { devVerbs } from './verbs/dev.ts';
import { newVerb } from './verbs/new.ts';
import { sagaVerbs } from './verbs/sagas.ts';
import { startVerb } from './verbs/start.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string };

/** The whole command, described; what a verb needs is loaded when it is called. What is called wrongly throws a `CommanderError` after it has been said. */
export function program(): Command {
  const all = new Command('seaworthy')
    .description('Runs a fleet of services, and looks after it.')
    .version(version, '--version', 'prints the version')
    .helpOption('-h, --help', 'prints what there is to know')
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: (text) => caller().out(text), writeErr: (text) => caller().err(text) })
    .addHelpText(
      'after',
      '\nThe fleet is the default export of fleet.ts or src/fleet.ts, or of the file that "seaworthy": { "fleet": ... } in package.json names.\nIt ends with 0, with 1 when it found problems or failed, and with 2 when it was called wrongly.',
    );
  for (const add of [devVerbs, startVerb, newVerb, deadLetterVerbs, sagaVerbs, backupVerb, contractVerbs, completionVerbs]) add(all);
  return all;
}
