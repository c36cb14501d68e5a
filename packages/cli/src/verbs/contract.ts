import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type ContractLock, compatibility, lockOf, readLock } from 'seaworthy/compatibility';
import { asyncapi, openapi } from 'seaworthy/documents';
import { UsageInvalid } from '../errors.ts';
import { load, locate, shortly } from '../fleet-file.ts';
import { parsed } from '../json.ts';
import { chosen } from '../stores.ts';
import { counted, paint, print, printJson } from '../terminal.ts';

const lockName = 'contract.lock.json';

/** The contracts of a fleet file, or of those services that are named. */
async function lockOfFleet(file: string, names: readonly string[] = []): Promise<ContractLock> {
  return lockOf(chosen(await load(file), names).map(({ contract }) => contract));
}

interface PrintOptions {
  readonly fleet?: string;
  readonly as: 'json' | 'openapi' | 'asyncapi';
  readonly lock?: boolean;
  readonly out?: string;
}

/** The document of one service, or of the gateway; of events, that of all services or of some. */
async function documentOf(file: string, names: readonly string[], form: 'openapi' | 'asyncapi'): Promise<object> {
  const launch = await load(file);
  const contracts = chosen(launch, names).map(({ contract }) => contract);
  if (form === 'asyncapi') return asyncapi(contracts);
  const [one, other] = contracts;
  if (names.length === 0 && launch.fleet.gateway) return openapi(launch.fleet.gateway);
  if (one && !other) return openapi(one);
  throw new UsageInvalid(
    `an OpenAPI document is of one service: name one of ${contracts.map((contract) => contract['~contract']).join(', ')}`,
  );
}

async function printContracts(names: readonly string[], { fleet, as, lock: locked, out }: PrintOptions): Promise<void> {
  const file = locate(fleet);
  if (locked && as !== 'json') throw new UsageInvalid(`--lock writes JSON of its own form: leave --as ${as} out`);
  const content = as === 'json' ? await lockOfFleet(file, names) : await documentOf(file, names, as);
  if (!locked && out === undefined) return printJson(content);
  const path = out === undefined ? join(dirname(file), lockName) : resolve(out);
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
  const written = Object.keys((content as Partial<ContractLock>).contracts ?? {});
  print(
    written.length > 0
      ? `${shortly(path)} has ${counted(written.length, 'contract')}: ${written.join(', ')}`
      : `${shortly(path)} is written`,
  );
}

/** A version of contracts: a lock, or a fleet file as it is now. */
async function version(path: string): Promise<ContractLock> {
  if (!existsSync(path)) throw new UsageInvalid(`there is no file ${path}: name a ${lockName}, or a fleet file`);
  return path.endsWith('.json') ? readLock(parsed(readFileSync(path, 'utf8'), path), path) : lockOfFleet(resolve(path));
}

async function check(
  older: string | undefined,
  newer: string | undefined,
  options: { readonly fleet?: string; readonly strict?: boolean; readonly json?: boolean },
): Promise<void> {
  const file = newer === undefined ? locate(options.fleet) : newer;
  const before = await version(older ?? join(dirname(resolve(file)), lockName));
  const found = compatibility(before, await version(file));
  const breaking = found.filter(({ verdict }) => verdict === 'breaking').length;
  const unclear = found.length - breaking;
  if (breaking > 0 || (options.strict && unclear > 0)) process.exitCode = 1;
  if (options.json) return printJson(found);
  for (const { place, rule, verdict, message, advice } of found) {
    print(`${paint(verdict === 'breaking' ? 'red' : 'yellow', verdict)}  ${paint('bold', place)}  ${paint('dim', rule)}`);
    print(`  ${message}\n  ${paint('green', '→')} ${advice}\n`);
  }
  const names = Object.keys(before.contracts);
  if (found.length === 0) print(`${paint('green', 'compatible')}: ${names.join(', ')}`);
  else print(`${breaking} breaking, ${unclear} that cannot be told, in ${counted(names.length, 'contract')}`);
}

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
    .action(printContracts);
  verb
    .command('check')
    .description('whether those who have the old version can go on beside the new one; ends with 1 when not')
    .argument('[old]', `a ${lockName} or a fleet file; default the lock beside the fleet file`)
    .argument('[new]', 'the same; default the fleet file')
    .option('-f, --fleet <file>', 'the fleet file')
    .option('--strict', 'ends with 1 also when something cannot be told')
    .option('--json', 'the findings as JSON')
    .action(check);
}
