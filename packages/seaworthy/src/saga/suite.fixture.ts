import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Random } from '../core/random.ts';
import type { StoreDriver } from '../store/store.ts';
import { stores, type Time, type World, world } from './world.fixture.ts';

export interface Suite {
  /** The folder of its databases. */
  readonly root: string;
  readonly drivers: readonly (readonly [string, () => StoreDriver])[];
  /** A test on each store. */
  readonly named: (title: string, body: (sea: World) => Promise<void>) => void;
}

/** The tests of one file, under the clock and the randomness that it gives to each. */
export function suite(clock: () => Time, random: () => Random): Suite {
  const root = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  const drivers = stores(root);
  return {
    root,
    drivers,
    named(title, body) {
      for (const [store, driver] of drivers)
        test(`${title} (${store})`, async () => {
          const one = await world(driver(), clock(), random());
          try {
            await body(one);
          } finally {
            await one.close();
          }
        });
    },
  };
}
