import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { ContractLock } from 'seaworthy/compatibility';
import { asyncapi, openapi } from 'seaworthy/documents';
import { UsageInvalid } from '../errors.ts';
import { displayPath, locate } from '../fleet-file.ts';
import { load } from '../load.ts';
import { selectServices } from '../services.ts';
import { counted, print, printJson } from '../terminal.ts';
import { lockName } from './lock-name.ts';
import { lockOfFleet } from './lock-of-fleet.ts';

interface PrintOptions {
  readonly fleet?: string;
  readonly as: 'json' | 'openapi' | 'asyncapi';
  readonly lock?: boolean;
  readonly out?: string;
}

/** Makes the OpenAPI document of the gateway or of one service, or the AsyncAPI document of all services or of some. */
async function documentOf(file: string, names: readonly string[], form: 'openapi' | 'asyncapi'): Promise<object> {
  const launch = await load(file);
  const contracts = selectServices(launch, names).map(({ contract }) => contract);
  if (form === 'asyncapi') return asyncapi(contracts);
  const [one, other] = contracts;
  if (names.length === 0 && launch.fleet.gateway) return openapi(launch.fleet.gateway);
  if (one && !other) return openapi(one);
  throw new UsageInvalid(
    `an OpenAPI document describes one service: name one of ${contracts.map((contract) => contract['~contract']).join(', ')}`,
  );
}

/** Prints contracts, or writes them to a file. */
export async function printContracts(names: readonly string[], { fleet, as, lock: locked, out }: PrintOptions): Promise<void> {
  const file = locate(fleet);
  if (locked && as !== 'json') throw new UsageInvalid(`--lock writes its own JSON format: leave out --as ${as}`);
  const content = as === 'json' ? await lockOfFleet(file, names) : await documentOf(file, names, as);
  if (!locked && out === undefined) return printJson(content);
  const path = out === undefined ? join(dirname(file), lockName) : resolve(out);
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
  const written = Object.keys((content as Partial<ContractLock>).contracts ?? {});
  print(
    written.length > 0
      ? `${displayPath(path)} has ${counted(written.length, 'contract')}: ${written.join(', ')}`
      : `wrote ${displayPath(path)}`,
  );
}
