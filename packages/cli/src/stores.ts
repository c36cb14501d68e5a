import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Runtime, runtime } from 'seaworthy/core';
import type { Service } from 'seaworthy/service';
import { StatementFailed, type Store, type StoreDriver } from 'seaworthy/store';
import { sqlite } from 'seaworthy/store/sqlite';
import { UsageInvalid } from './errors.ts';
import { locate } from './fleet-file.ts';
import { load } from './load.ts';
import { nameOf, selectServices } from './services.ts';
import { givenSettings, settings } from './settings.ts';

/** The database of one service, which others may use at the same time. */
export interface OpenStore {
  readonly service: Service;
  readonly name: string;
  readonly store: Store<unknown, unknown>;
}

/** The options that select the databases: the fleet file, their folder, and one service. */
export interface Where {
  readonly fleet?: string;
  readonly dir?: string;
  readonly service?: string;
}

/** Returns whether the service has run on the database: then it has made its tables there. */
async function isInUse({ sqlRead }: Store<unknown, unknown>): Promise<boolean> {
  try {
    await sqlRead.all('select name from sw_migration where 1 = 0');
    return true;
  } catch (error) {
    if (error instanceof StatementFailed) return false;
    throw error;
  }
}

function noneUsed(services: readonly Service[], opened: number, dir: string): UsageInvalid {
  const names = services.map(nameOf).join(', ');
  if (opened === 0) return new UsageInvalid(`${dir} has no database of ${names}: name the folder of the fleet with --dir`);
  return new UsageInvalid(`the database of the fleet has no tables of ${names}: check its address, or start the fleet there first`);
}

/**
 * Opens the databases of services, does `work` on them and closes them. A database that its service has not used yet is skipped, and
 * never made. Throws `UsageInvalid` when there is none.
 */
export async function onStores<V>(
  { fleet, service, ...given }: Where,
  work: (stores: readonly OpenStore[], runtime: Runtime) => Promise<V>,
): Promise<V> {
  const launch = await load(locate(fleet));
  const { dir } = settings(givenSettings(given.dir === undefined ? {} : { dir: given.dir }), launch.options);
  const own = runtime();
  const services = selectServices(launch, service === undefined ? [] : [service]);
  const opened: Store<unknown, unknown>[] = [];
  const used: OpenStore[] = [];
  try {
    for (const one of services) {
      const given = (one.store ?? launch.options?.store) as StoreDriver<unknown, unknown> | undefined;
      if (!given && !existsSync(join(dir, `${nameOf(one)}.db`))) continue;
      const driver = given ?? (sqlite({ dir }) as StoreDriver<unknown, unknown>);
      const store = await driver.open(nameOf(one), own);
      opened.push(store);
      if (!given || (await isInUse(store))) used.push({ service: one, name: nameOf(one), store });
    }
    if (used.length === 0) throw noneUsed(services, opened.length, dir);
    return await work(used, own);
  } finally {
    await Promise.all(opened.map((store) => store.close()));
  }
}
