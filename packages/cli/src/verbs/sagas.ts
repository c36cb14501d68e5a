import { Argument, type Command, Option } from 'commander';
import { later } from '../later.ts';
import { ofStores } from '../options.ts';

/** Adds `sagas` with its verbs. */
export function sagaVerbs(program: Command): void {
  const verb = program
    .command('sagas')
    .helpCommand(false)
    .description('what runs over several services: look, stop, hurry, and decide about what is stuck');
  ofStores(verb.command('list').description('the sagas of all services, the newest first'))
    .addOption(new Option('--state <state>', 'in one state').choices(['running', 'undoing', 'stuck', 'done', 'undone']))
    .option('--name <saga>', 'of one definition')
    .option('--key <key>', 'of one key')
    .option('--limit <count>', 'at most so many of each service', '100')
    .action(later(async () => (await import('../sagas/list.ts')).list));
  ofStores(verb.command('show').description('the time line of one').argument('<id>', 'of the saga')).action(
    later(async () => (await import('../sagas/show.ts')).show),
  );
  ofStores(verb.command('verdict').description('decides about one whose undo cannot succeed').argument('<id>', 'of the saga'))
    .addArgument(
      new Argument('<verdict>', 'try the undo again, give it up, or tell it what the step had given').choices(['retry', 'skip', 'result']),
    )
    .argument('[json]', 'what the step had given')
    .option('--by <name>', 'who decided; default the name of the user')
    .option('--yes', 'do it; without, only say what would be done')
    .action(later(async () => (await import('../sagas/verdict.ts')).verdict));
  ofStores(verb.command('stop').description('stops one that runs or waits: it is undone').argument('<id>', 'of the saga'))
    .requiredOption('--reason <text>', 'why; the saga keeps it')
    .option('--by <name>', 'who stops it; default the name of the user')
    .option('--yes', 'do it; without, only say what would be done')
    .action(later(async () => (await import('../sagas/stop.ts')).stop));
  ofStores(verb.command('retry').description('lets one that waits go on now, or tries a stuck undo again').argument('<id>', 'of the saga'))
    .option('--by <name>', 'who decided, if it is stuck; default the name of the user')
    .option('--yes', 'do it; without, only say what would be done')
    .action(later(async () => (await import('../sagas/retry.ts')).retry));
}
