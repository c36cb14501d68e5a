import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type ContractLock, compatibility, readLock } from 'seaworthy/compatibility';
import { UsageInvalid } from '../errors.ts';
import { locate } from '../fleet-file.ts';
import { io } from '../io.ts';
import { parseInput } from '../json.ts';
import { counted, paint, print, printJson } from '../terminal.ts';
import { lockName } from './lock-name.ts';
import { lockOfFleet } from './lock-of-fleet.ts';

/** Reads a version of contracts from a lock or a fleet file. */
async function version(path: string): Promise<ContractLock> {
  if (!existsSync(path)) throw new UsageInvalid(`there is no file ${path}: name a ${lockName} or a fleet file`);
  return path.endsWith('.json') ? readLock(parseInput(readFileSync(path, 'utf8'), path), path) : lockOfFleet(resolve(path));
}

/** Prints whether callers and subscribers of the older version can work with the newer one. */
export async function check(
  older: string | undefined,
  newer: string | undefined,
  options: { readonly fleet?: string; readonly strict?: boolean; readonly json?: boolean },
): Promise<void> {
  const file = newer === undefined ? locate(options.fleet) : newer;
  const before = await version(older ?? join(dirname(resolve(file)), lockName));
  const found = compatibility(before, await version(file));
  const breaking = found.filter(({ severity }) => severity === 'breaking').length;
  const undecided = found.length - breaking;
  if (breaking > 0 || (options.strict && undecided > 0)) io().status(1);
  if (options.json) return printJson(found);
  for (const { place, rule, severity, message, advice } of found) {
    print(`${paint(severity === 'breaking' ? 'red' : 'yellow', severity)}  ${paint('bold', place)}  ${paint('dim', rule)}`);
    print(`  ${message}\n  ${paint('green', '→')} ${advice}\n`);
  }
  const names = Object.keys(before.contracts);
  if (found.length === 0) print(`${paint('green', 'compatible')}: ${names.join(', ')}`);
  else print(`${breaking} breaking, ${undecided} undecided, in ${counted(names.length, 'contract')}`);
}
