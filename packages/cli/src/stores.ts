import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Runtime, runtime } from 'seaworthy/core';
import type { Launch } from 'seaworthy/fleet';
import type { Service } from 'seaworthy/service';
import type { Store, StoreDriver } from 'seaworthy/store';
import { sqlite } from 'seaworthy/store/sqlite';
import { UsageInvalid } from './errors.ts';

/** The database of one service, opened beside whoever else uses it. */
export interface OpenStore {
  readonly service: Service;
  readonly name: string;
  readonly store: Store<unknown, unknown>;
}

export const nameOf = (service: Service): string => service.contract['~contract'];

/** The services that are named, else all. Throws `UsageInvalid` for one that the fleet does not have. */
export function chosen({ fleet }: Launch, names: readonly string[]): readonly Service[] {
  const all = fleet.services.map(nameOf);
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new UsageInvalid(`the fleet has no service ${unknown}: it has ${all.join(', ')}`);
  return fleet.services.filter((service) => names.length === 0 || names.includes(nameOf(service)));
}

/**
 * Does `work` on the databases of services, and closes them. An embedded database that is not there yet is left out, not made.
 * Throws `UsageInvalid` when none is there.
 */
export async function onStores<V>(
  launch: Launch,
  { dir, service }: { readonly dir: string; readonly service?: string | undefined },
  work: (stores: readonly OpenStore[], runtime: Runtime) => Promise<V>,
): Promise<V> {
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
