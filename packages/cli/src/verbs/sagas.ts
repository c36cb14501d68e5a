import { Argument, type Command, Option } from 'commander';
import { lazy } from '../lazy.ts';
import { ofStores } from '../options.ts';

/** Adds the verbs of `sagas`. */
export function sagaVerbs(program: Command): void {
  const verb = program.command('sagas').helpCommand(false).description('lists, stops and retries sagas, and decides about stuck ones');
  ofStores(verb.command('list').description('lists the sagas of all services, the newest first'))
    .addOption(new Option('--state <state>', 'only sagas in this state').choices(['running', 'undoing', 'stuck', 'done', 'undone']))
    .option('--name <saga>', 'only sagas of this definition')
    .option('--key <key>', 'only sagas with this key')
    .option('--limit <count>', 'at most this many of each service', '100')
    .action(lazy(async () => (await import('../sagas/list.ts')).list));
  ofStores(verb.command('show').description('shows the timeline of a saga').argument('<id>', 'the id of the saga')).action(
    lazy(async () => (await import('../sagas/show.ts')).show),
  );
  ofStores(verb.command('verdict').description('decides about a saga whose undo cannot succeed').argument('<id>', 'the id of the saga'))
    .addArgument(
      new Argument('<verdict>', 'retry the undo, skip it, or retry it with the result that the step should have had').choices([
        'retry',
        'skip',
        'result',
      ]),
    )
    .argument('[json]', 'the result of the step')
    .option('--by <name>', 'the person who decides; default the user of the machine')
    .option('--yes', 'makes the change; without it the command only prints it')
    .action(lazy(async () => (await import('../sagas/verdict.ts')).verdict));
  ofStores(verb.command('stop').description('stops a saga that runs or waits: it is undone').argument('<id>', 'the id of the saga'))
    .requiredOption('--reason <text>', 'the reason, which the saga records')
    .option('--by <name>', 'the person who stops it; default the user of the machine')
    .option('--yes', 'makes the change; without it the command only prints it')
    .action(lazy(async () => (await import('../sagas/stop.ts')).stop));
  ofStores(
    verb.command('retry').description('makes a waiting saga continue now, or retries a stuck undo').argument('<id>', 'the id of the saga'),
  )
    .option('--by <name>', 'the person who decides about a stuck saga; default the user of the machine')
    .option('--yes', 'makes the change; without it the command only prints it')
    .action(lazy(async () => (await import('../sagas/retry.ts')).retry));
}
