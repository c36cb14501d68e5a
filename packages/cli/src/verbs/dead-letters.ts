import { Argument, type Command, Option } from 'commander';
import { later } from '../later.ts';
import { ofStores } from '../options.ts';

/** Adds `dead-letters` with its verbs. */
export function deadLetterVerbs(program: Command): void {
  const verb = program.command('dead-letters').helpCommand(false).description('events that a service gave up on: look, correct, give back');
  const filtering = (command: Command): Command =>
    ofStores(command)
      .option('--type <event>', 'of one event, such as orders.orderPlaced')
      .addOption(new Option('--reason <reason>', 'why').choices(['failed', 'poison', 'expired', 'unhandled', 'crashed', 'unreadable']))
      .option('--key <key>', 'of one aggregate')
      .option('--older-than <duration>', "buried at least so long ago, such as '2h'");
  filtering(verb.command('list').description('the dead letters of all services, the oldest first'))
    .option('--limit <count>', 'at most so many of each service', '100')
    .action(later(async () => (await import('../dead-letters/list.ts')).list));
  ofStores(verb.command('show').description('one of them, with its data and its attempts').argument('<id>', 'of the event')).action(
    later(async () => (await import('../dead-letters/show.ts')).show),
  );
  ofStores(verb.command('edit').description('replaces its data, if that keeps to the contract').argument('<id>', 'of the event'))
    .option('--data <json>', 'what its data shall be')
    .option('--file <file>', 'the same from a file, - for standard input')
    .option('--yes', 'do it; without, only say what would be done')
    .action(later(async () => (await import('../dead-letters/edit.ts')).edit));
  for (const kind of ['redrive', 'drop'] as const) {
    const what = kind === 'drop' ? 'deletes them' : 'gives them back to their handlers, in the order in which they were buried';
    filtering(verb.command(kind).description(what).addArgument(new Argument('[id...]', 'of the events')))
      .option('--all', 'all that there are')
      .option('--yes', 'do it; without, only say what would be done')
      .action(later(async () => (await import('../dead-letters/change.ts'))[kind]));
  }
}
