import { Argument, type Command, Option } from 'commander';
import type { Runtime } from 'seaworthy/core';
import { type Instance, judge, listSagas, type SagaState, sagaOf, type Verdict } from 'seaworthy/saga';
import { SagaUnknown, UsageInvalid } from '../errors.ts';
import { load, locate } from '../fleet-file.ts';
import { parsed } from '../json.ts';
import { settings, withSettings } from '../settings.ts';
import { type OpenStore, onStores } from '../stores.ts';
import { ago, paint, print, printJson, table } from '../terminal.ts';
import { inColour, timeLine } from '../time-line.ts';

interface Common {
  readonly fleet?: string;
  readonly dir?: string;
  readonly service?: string;
  readonly json?: boolean;
}

async function onSagas<V>(
  { fleet, dir, service }: Common,
  work: (stores: readonly OpenStore[], runtime: Runtime) => Promise<V>,
): Promise<V> {
  const launch = await load(locate(fleet));
  return onStores(launch, { dir: settings({ ...(dir !== undefined && { dir }) }).dir, service }, work);
}

async function find(stores: readonly OpenStore[], id: string): Promise<{ readonly at: OpenStore; readonly instance: Instance }> {
  for (const at of stores) {
    const instance = await sagaOf(at.store.ownRead, id);
    if (instance) return { at, instance };
  }
  throw new SagaUnknown(`there is no saga ${id} in ${stores.map(({ name }) => name).join(', ')}: list them with \`seaworthy sagas list\``);
}

/** The step that it is at, or ended with. */
const stepOf = ({ journal, state }: Instance): string => {
  const stuck = journal.find((entry) => entry.state === 'stuck');
  return stuck?.step ?? (state === 'undone' ? (journal.at(0)?.step ?? '') : (journal.at(-1)?.step ?? ''));
};

async function list(
  options: Common & { readonly name?: string; readonly key?: string; readonly state?: SagaState; readonly limit: string },
): Promise<void> {
  const { name, key, state, limit } = options;
  if (!/^[1-9]\d{0,5}$/.test(limit)) throw new UsageInvalid(`--limit is ${JSON.stringify(limit)}: it takes a number from 1 to 999999`);
  await onSagas(options, async (stores, { clock }) => {
    const all: (Instance & { readonly service: string })[] = [];
    for (const { name: service, store } of stores)
      for (const one of await listSagas(store.ownRead, { name, key, state }, { limit: Number(limit) })) all.push({ ...one, service });
    all.sort((a, b) => b.started - a.started);
    if (options.json) return printJson(all);
    if (all.length === 0) return print('there are no such sagas');
    const now = clock.now();
    const rows = all.map((one) => [
      one.id,
      one.service,
      one.name,
      one.key === one.id ? '' : one.key,
      inColour(one.state),
      stepOf(one),
      ago(one.started, now),
      one.error ??
        (one.cause
          ? one.cause.kind === 'declared'
            ? one.cause.name
            : one.cause.kind === 'stopped'
              ? one.cause.reason
              : one.cause.message
          : ''),
    ]);
    print(table(['id', 'service', 'saga', 'key', 'state', 'step', 'started', 'error or cause'], rows));
  });
}

async function show(id: string, options: Common): Promise<void> {
  await onSagas(options, async (stores, { clock }) => {
    const { at, instance } = await find(stores, id);
    if (options.json) return printJson({ service: at.name, ...instance });
    for (const line of timeLine(at.name, instance, clock.now())) print(line);
  });
}

const meaning: Readonly<Record<Verdict['kind'], string>> = {
  retry: 'its undo would be tried again',
  skip: 'its undo would be given up, and those of the steps before it go on',
  result: 'its undo would be tried again, and told this result',
};

async function verdict(
  id: string,
  kind: Verdict['kind'],
  result: string | undefined,
  options: Common & { readonly yes?: boolean },
): Promise<void> {
  if ((kind === 'result') !== (result !== undefined))
    throw new UsageInvalid(
      kind === 'result'
        ? 'say what the step had given, as JSON: seaworthy sagas verdict ID result JSON'
        : `the verdict ${kind} takes no result`,
    );
  const given: Verdict = kind === 'result' ? { kind, result: parsed(result as string, 'the result') } : { kind };
  await onSagas(options, async (stores, runtime) => {
    const { at, instance } = await find(stores, id);
    const stuck = instance.journal.find(({ state }) => state === 'stuck');
    if (options.yes || instance.state !== 'stuck') await judge(at.store, runtime, id, given);
    if (options.json) return printJson({ id, service: at.name, step: stuck?.step, verdict: given, done: options.yes === true });
    print(`${instance.name} ${instance.key} is stuck at ${paint('bold', stuck?.step ?? '?')}: ${instance.error ?? 'its undo failed'}`);
    if (options.yes) print('the verdict is given: a running fleet goes on with it within seconds');
    else print(`${meaning[kind]}; ${paint('bold', 'nothing was changed')}: add --yes to do it`);
  });
}

/** Adds `sagas` with its verbs. */
export function sagaVerbs(program: Command): void {
  const verb = program
    .command('sagas')
    .helpCommand(false)
    .description('what runs over several services: look, and decide about what is stuck');
  const common = (command: Command): Command =>
    withSettings(command.option('-f, --fleet <file>', 'the fleet file').option('--service <name>', 'of one service'), ['dir']).option(
      '--json',
      'as JSON',
    );
  common(verb.command('list').description('the sagas of all services, the newest first'))
    .addOption(new Option('--state <state>', 'in one state').choices(['running', 'undoing', 'stuck', 'done', 'undone']))
    .option('--name <saga>', 'of one definition')
    .option('--key <key>', 'of one key')
    .option('--limit <count>', 'at most so many of each service', '100')
    .action(list);
  common(verb.command('show').description('the time line of one').argument('<id>', 'of the saga')).action(show);
  common(verb.command('verdict').description('decides about one whose undo cannot succeed').argument('<id>', 'of the saga'))
    .addArgument(
      new Argument('<verdict>', 'try the undo again, give it up, or tell it what the step had given').choices(['retry', 'skip', 'result']),
    )
    .argument('[json]', 'what the step had given')
    .option('--yes', 'do it; without, only say what would be done')
    .action(verdict);
}
