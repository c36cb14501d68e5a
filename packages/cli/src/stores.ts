import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Runtime, runtime } from 'seaworthy/core';
import type { Service } from 'seaworthy/service';
import type { Store, StoreDriver } from 'seaworthy/store';
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

/**
 * Opens the databases of services, does `work` on them and closes them. An embedded database that does not exist yet is skipped, never
 * created. Throws `UsageInvalid` when there is none.
 */
export async function onStores<V>(
  { fleet, service, ...given }: Where,
  work: (stores: readonly OpenStore[], runtime: Runtime) => Promise<V>,
): Promise<V> {
  const launch = await load(locate(fleet));
  const { dir } = settings(givenSettings(given.dir === undefined ? {} : { dir: given.dir }), launch.options);
  const own = runtime();
  const services = selectServices(launch, service === undefined ? [] : [service]);
  const open: OpenStore[] = [];
  try {
    for (const one of services) {
      const given = (one.store ?? launch.options?.store) as StoreDriver<unknown, unknown> | undefined;
      if (!given && !existsSync(join(dir, `${nameOf(one)}.db`))) continue;
      const driver = given ?? (sqlite({ dir }) as StoreDriver<unknown, unknown>);
      open.push({ service: one, name: nameOf(one), store: await driver.open(nameOf(one), own) });
    }
    if (open.length === 0)
      throw new UsageInvalid(`${dir} has no database of ${services.map(nameOf).join(', ')}: name the folder of the fleet with --dir`);
    return await work(open, own);
  } finally {
    await Promise.all(open.map(({ store }) => store.close()));
  }
}
