import { readFileSync } from 'node:fs';
import { Argument, type Command, Option } from 'commander';
import type { Event, Finding } from 'seaworthy/contract';
import { type Duration, milliseconds, type Runtime } from 'seaworthy/core';
import { type DeadLetterDetail, type DeadLetterFilter, type DeadLetters, DeadLetterUnknown, deadLetters } from 'seaworthy/outbox';
import { UsageInvalid } from '../errors.ts';
import { load, locate } from '../fleet-file.ts';
import { parsed } from '../json.ts';
import { settings, withSettings } from '../settings.ts';
import { type OpenStore, onStores } from '../stores.ts';
import { ago, columns, counted, cut, paint, print, printJson, table, timeOfDay } from '../terminal.ts';

interface Common {
  readonly fleet?: string;
  readonly dir?: string;
  readonly service?: string;
  readonly json?: boolean;
}
interface Filtering extends Common {
  readonly type?: string;
  readonly reason?: 'failed' | 'poison' | 'expired' | 'unhandled';
  readonly key?: string;
  readonly olderThan?: string;
}
interface Changing extends Filtering {
  readonly all?: boolean;
  readonly yes?: boolean;
}

interface Box extends OpenStore {
  readonly letters: DeadLetters;
}

async function onBoxes<V>({ fleet, dir, service }: Common, work: (boxes: readonly Box[], runtime: Runtime) => Promise<V>): Promise<V> {
  const launch = await load(locate(fleet));
  return onStores(launch, { dir: settings({ ...(dir !== undefined && { dir }) }).dir, service }, (stores, runtime) =>
    work(
      stores.map((one) => ({ ...one, letters: deadLetters(one.store, runtime) })),
      runtime,
    ),
  );
}

function durationOf(text: string): Duration {
  try {
    milliseconds(text as Duration);
    return text as Duration;
  } catch (cause) {
    throw new UsageInvalid(`--older-than is ${JSON.stringify(text)}: it takes a number and a unit, such as '2h'`, { cause });
  }
}

const filterOf = ({ type, reason, key, olderThan }: Filtering, ids: readonly string[] = []): DeadLetterFilter => ({
  ...(type !== undefined && { type }),
  ...(reason !== undefined && { reason }),
  ...(key !== undefined && { key }),
  ...(olderThan !== undefined && { olderThan: durationOf(olderThan) }),
  ...(ids.length > 0 && { ids }),
});

/** The one box that has it. Throws `UsageInvalid` when several do, `DeadLetterUnknown` when none does. */
async function find(boxes: readonly Box[], id: string): Promise<{ readonly box: Box; readonly letter: DeadLetterDetail }> {
  const found: { readonly box: Box; readonly letter: DeadLetterDetail }[] = [];
  for (const box of boxes) {
    const [known] = await box.letters.list({ ids: [id] });
    if (known) found.push({ box, letter: await box.letters.show(id) });
  }
  const [one, other] = found;
  if (one && other)
    throw new UsageInvalid(`${id} is a dead letter of ${found.map(({ box }) => box.name).join(' and ')}: choose one with --service`);
  if (one) return one;
  throw new DeadLetterUnknown(`there is no dead letter ${id}: list them with \`seaworthy dead-letters list\``);
}

async function list({ limit, ...options }: Filtering & { readonly limit: string }): Promise<void> {
  if (!/^[1-9]\d{0,5}$/.test(limit)) throw new UsageInvalid(`--limit is ${JSON.stringify(limit)}: it takes a number from 1 to 999999`);
  await onBoxes(options, async (boxes, { clock }) => {
    const filter = filterOf(options);
    const letters = (await Promise.all(boxes.map(({ letters }) => letters.list(filter, { limit: Number(limit) })))).flat();
    if (options.json) return printJson(letters);
    if (letters.length === 0) return print('there are no dead letters');
    const rows = letters.map(({ id, consumer, type, key, reason, attempts, at, error }) => [
      id,
      consumer,
      type,
      key,
      paint(reason === 'failed' ? 'red' : 'yellow', reason),
      String(attempts),
      ago(at, clock.now()),
      error,
    ]);
    print(table(['id', 'service', 'event', 'key', 'reason', 'runs', 'buried', 'error'], rows));
    const all = (await Promise.all(boxes.map(({ letters }) => letters.summary(filter)))).flat();
    const total = all.reduce((sum, { count }) => sum + count, 0);
    if (total > letters.length) print(paint('dim', `${letters.length} of ${total}; see more with --limit`));
  });
}

async function show(id: string, options: Common): Promise<void> {
  await onBoxes(options, async (boxes, { clock }) => {
    const { letter } = await find(boxes, id);
    if (options.json) return printJson(letter);
    const { consumer, type, key, reason, at, envelope, history } = letter;
    const line = (name: string, value: string): void => print(`${paint('dim', name.padEnd(9))}${value}`);
    print(`${paint('bold', type)} ${id}`);
    line('service', consumer);
    line('key', key);
    line('published', envelope.time);
    line('buried', `${new Date(at).toISOString()}, ${ago(at, clock.now())}`);
    line('reason', reason);
    print(`\n${paint('dim', 'data')}\n${JSON.stringify(envelope.data, null, 2)}`);
    print(`\n${paint('dim', 'attempts')}`);
    for (const { attempt, at: when, error } of history) {
      print(
        `${String(attempt).padStart(3)}  ${timeOfDay(when)}  ${paint('red', error.name)}: ${cut(error.message, (columns() ?? 10_000) - 24)}`,
      );
      for (const { path, message } of error.issues ?? []) print(`     ${path}: ${message}`);
    }
  });
}

/** What is wrong with the data, by the contract of the event; `undefined` when nobody here hears it. */
async function examined({ service }: Box, type: string, data: unknown): Promise<readonly Finding[] | undefined> {
  const event: Event | undefined = service.on.map(({ event }) => event).find((one) => `${one.service}.${one.name}` === type);
  if (!event) return undefined;
  const { issues = [] } = await event.data['~standard'].validate(data);
  const part = (one: unknown): string => String(typeof one === 'object' && one !== null && 'key' in one ? one.key : one);
  return issues.map(({ path = [], message }) => ({ path: path.map(part).join('.'), message }));
}

const dry = (what: string): void => print(`${what}; ${paint('bold', 'nothing was changed')}: add --yes to do it`);

async function edit(
  id: string,
  options: Common & { readonly data?: string; readonly file?: string; readonly yes?: boolean },
): Promise<void> {
  const { data: text, file, yes } = options;
  if ((text === undefined) === (file === undefined))
    throw new UsageInvalid('say what its data shall be: either --data JSON or --file FILE (- for standard input)');
  const data = text !== undefined ? parsed(text, '--data') : parsed(readText(file as string), file as string);
  await onBoxes(options, async (boxes) => {
    const { box, letter } = await find(boxes, id);
    const findings = await examined(box, letter.type, data);
    if (findings && findings.length > 0) {
      const said = findings.map(({ path, message }) => `${path}: ${message}`).join('; ');
      throw new UsageInvalid(`the data breaks the contract of ${letter.type} (${said}): correct it`);
    }
    if (yes) await box.letters.edit(id, data);
    if (options.json) return printJson({ id, service: box.name, before: letter.envelope.data, after: data, done: yes === true });
    const lines = (value: unknown): readonly string[] => JSON.stringify(value, null, 2).split('\n');
    const [before, after] = [lines(letter.envelope.data), lines(data)];
    for (const line of before) print(after.includes(line) ? `  ${line}` : paint('red', `- ${line}`));
    for (const line of after) if (!before.includes(line)) print(paint('green', `+ ${line}`));
    if (!findings) print(paint('yellow', `nobody in ${box.name} hears ${letter.type} any more: a redrive would bury it again`));
    if (yes) print(`${id} is edited; redrive it with: seaworthy dead-letters redrive ${id} --yes`);
    else dry(`the data of ${id} would become this`);
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new UsageInvalid(`${file} cannot be read (${(cause as Error).message})`, { cause });
  }
}

async function change(kind: 'redrive' | 'drop', ids: readonly string[], options: Changing): Promise<void> {
  const { type, reason, key, olderThan, service, all, yes } = options;
  if (ids.length === 0 && !all && [type, reason, key, olderThan, service].every((one) => one === undefined))
    throw new UsageInvalid(`say which to ${kind}: ids, --service, --type, --reason, --key, --older-than, or --all`);
  await onBoxes(options, async (boxes) => {
    const filter = filterOf(options, ids);
    const found: string[] = [];
    for (const { letters } of boxes)
      if (ids.length > 0) found.push(...(await letters.list({ ids }, { limit: ids.length })).map(({ id }) => id));
    const missing = ids.find((id) => !found.includes(id));
    if (missing !== undefined)
      throw new DeadLetterUnknown(`there is no dead letter ${missing}: list them with \`seaworthy dead-letters list\``);
    const matched: { service: string; type: string; reason: string; count: number }[] = [];
    for (const { name, letters } of boxes) for (const one of await letters.summary(filter)) matched.push({ service: name, ...one });
    let done = 0;
    if (yes) for (const { letters } of boxes) done += await letters[kind](filter);
    if (options.json) return printJson({ matched, done: yes ? done : 0 });
    const total = matched.reduce((sum, { count }) => sum + count, 0);
    if (total === 0) return print('no dead letter matches');
    print(
      table(
        ['service', 'event', 'reason', 'count'],
        matched.map((one) => [one.service, one.type, one.reason, String(one.count)]),
      ),
    );
    if (!yes) return dry(`${counted(total, 'dead letter')} would be ${kind === 'drop' ? 'deleted' : 'given back to their handlers'}`);
    print(
      kind === 'drop'
        ? `${counted(done, 'dead letter')} deleted`
        : `${counted(done, 'dead letter')} given back: a running fleet takes them up within a second`,
    );
  });
}

/** Adds `dead-letters` with its verbs. */
export function deadLetterVerbs(program: Command): void {
  const verb = program.command('dead-letters').helpCommand(false).description('events that a service gave up on: look, correct, give back');
  const common = (command: Command): Command =>
    withSettings(command.option('-f, --fleet <file>', 'the fleet file').option('--service <name>', 'of one service'), ['dir']).option(
      '--json',
      'as JSON',
    );
  const filtering = (command: Command): Command =>
    common(command)
      .option('--type <event>', 'of one event, such as orders.orderPlaced')
      .addOption(new Option('--reason <reason>', 'why').choices(['failed', 'poison', 'expired', 'unhandled']))
      .option('--key <key>', 'of one aggregate')
      .option('--older-than <duration>', "buried at least so long ago, such as '2h'");
  filtering(verb.command('list').description('the dead letters of all services, the oldest first'))
    .option('--limit <count>', 'at most so many of each service', '100')
    .action(list);
  common(verb.command('show').description('one of them, with its data and its attempts').argument('<id>', 'of the event')).action(show);
  common(verb.command('edit').description('replaces its data, if that keeps to the contract').argument('<id>', 'of the event'))
    .option('--data <json>', 'what its data shall be')
    .option('--file <file>', 'the same from a file, - for standard input')
    .option('--yes', 'do it; without, only say what would be done')
    .action(edit);
  for (const kind of ['redrive', 'drop'] as const) {
    const what = kind === 'drop' ? 'deletes them' : 'gives them back to their handlers, in the order in which they were buried';
    filtering(verb.command(kind).description(what).addArgument(new Argument('[id...]', 'of the events')))
      .option('--all', 'all that there are')
      .option('--yes', 'do it; without, only say what would be done')
      .action((ids: readonly string[], options: Changing) => change(kind, ids, options));
  }
}
