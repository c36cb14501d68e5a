import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { io } from './io.ts';
import { backupVerb } from './verbs/backup.ts';
import { completionVerbs } from './verbs/completion.ts';
import { contractVerbs } from './verbs/contract.ts';
import { deadLetterVerbs } from './verbs/dead-letters.ts';
import { devVerbs } from './verbs/dev.ts';
import { newVerb } from './verbs/new.ts';
import { sagaVerbs } from './verbs/sagas.ts';
import { startVerb } from './verbs/start.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string };

/** Describes the whole command; a verb loads its code when it is called. Wrong usage is printed and throws a `CommanderError`. */
export function program(): Command {
  const all = new Command('seaworthy')
    .description('Runs a fleet of services, and inspects and repairs its state.')
    .version(version, '--version', 'prints the version')
    .helpOption('-h, --help', 'prints this help')
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: (text) => io().out(text), writeErr: (text) => io().err(text) })
    .addHelpText(
      'after',
      '\nThe fleet is the default export of fleet.ts or src/fleet.ts, or of the file that "seaworthy": { "fleet": ... } in package.json names.\nThe exit status is 0 for success, 1 for a failure or found problems, and 2 for wrong usage.',
    );
  for (const add of [devVerbs, startVerb, newVerb, deadLetterVerbs, sagaVerbs, backupVerb, contractVerbs, completionVerbs]) add(all);
  return all;
}
