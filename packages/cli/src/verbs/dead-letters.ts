import { Argument, type Command, Option } from 'commander';
import { lazy } from '../lazy.ts';
import { ofStores } from '../options.ts';

/** Adds `dead-letters` with its verbs. */
export function deadLetterVerbs(program: Command): void {
  const verb = program
    .command('dead-letters')
    .helpCommand(false)
    .description('lists, edits, redrives and drops events that services gave up on');
  const filtering = (command: Command): Command =>
    ofStores(command)
      .option('--type <event>', 'only events of this type, such as orders.orderPlaced')
      .addOption(
        new Option('--reason <reason>', 'only dead letters with this reason').choices([
          'failed',
          'poison',
          'expired',
          'unhandled',
          'crashed',
          'unreadable',
        ]),
      )
      .option('--key <key>', 'only events with this key')
      .option('--older-than <duration>', "only dead letters that are at least this old, such as '2h'");
  filtering(verb.command('list').description('lists the dead letters of all services, the oldest first'))
    .option('--limit <count>', 'at most this many of each service', '100')
    .action(lazy(async () => (await import('../dead-letters/list.ts')).list));
  ofStores(
    verb.command('show').description('shows a dead letter with its data and its attempts').argument('<id>', 'the id of the event'),
  ).action(lazy(async () => (await import('../dead-letters/show.ts')).show));
  ofStores(
    verb
      .command('edit')
      .description('replaces the data of a dead letter, if they match the contract')
      .argument('<id>', 'the id of the event'),
  )
    .option('--data <json>', 'the new data')
    .option('--file <file>', 'reads the new data from a file, - for standard input')
    .option('--yes', 'makes the change; without it the command only prints it')
    .action(lazy(async () => (await import('../dead-letters/edit.ts')).edit));
  for (const kind of ['redrive', 'drop'] as const) {
    const what = kind === 'drop' ? 'deletes dead letters' : 'returns dead letters to their handlers, the oldest first';
    filtering(verb.command(kind).description(what).addArgument(new Argument('[id...]', 'the ids of the events')))
      .option('--all', 'all dead letters')
      .option('--yes', 'makes the change; without it the command only prints it')
      .action(lazy(async () => (await import('../dead-letters/change.ts'))[kind]));
  }
}
