import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Random } from '../core/random.ts';
import type { StoreDriver } from '../store/store.ts';
import { openWorld, stores, type Time, type World } from './world.fixture.ts';

/** How the tests of one file run on each store. */
export interface EachStore {
  /** The folder of the databases. */
  readonly root: string;
  readonly drivers: readonly (readonly [string, () => StoreDriver])[];
  /** Adds a test for each store. */
  readonly named: (title: string, body: (world: World) => Promise<void>) => void;
}

/** Prepares the tests of one file. Each test gets a clock and a source of randomness of its own. */
export function eachStore(clock: () => Time, random: () => Random): EachStore {
  const root = mkdtempSync(join(tmpdir(), 'seaworthy-saga-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  const drivers = stores(root);
  return {
    root,
    drivers,
    named(title, body) {
      for (const [store, driver] of drivers) test(`${title} (${store})`, async () => body(await openWorld(driver(), clock(), random())));
    },
  };
}
