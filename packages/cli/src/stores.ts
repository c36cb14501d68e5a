import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Runtime, runtime } from 'seaworthy/core';
import type { Service } from 'seaworthy/service';
import type { Store, StoreDriver } from 'seaworthy/store';
import { sqlite } from 'seaworthy/store/sqlite';
import { UsageInvalid } from './errors.ts';
import { locate } from './fleet-file.ts';
import { load } from './load.ts';
import { chosen, nameOf } from './services.ts';
import { settings, told } from './settings.ts';

/** The database of one service, opened beside whoever else uses it. */
export interface OpenStore {
  readonly service: Service;
  readonly name: string;
  readonly store: Store<unknown, unknown>;
}

/** Whose databases, and where they are. */
export interface Where {
  readonly fleet?: string;
  readonly dir?: string;
  readonly service?: string;
}

/**
 * Does `work` on the databases of services, and closes them. An embedded database that is not there yet is left out, not made.
 * Throws `UsageInvalid` when none is there.
 */
export async function onStores<V>(
  { fleet, service, ...given }: Where,
  work: (stores: readonly OpenStore[], runtime: Runtime) => Promise<V>,
): Promise<V> {
  const launch = await load(locate(fleet));
  const { dir } = settings(told(given.dir === undefined ? {} : { dir: given.dir }), launch.options);
  const own = runtime();
  const services = chosen(launch, service === undefined ? [] : [service]);
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
