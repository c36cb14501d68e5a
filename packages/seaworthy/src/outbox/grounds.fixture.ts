import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { embedded } from '../bus/drivers/embedded.ts';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { memory } from '../store/drivers/memory.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import type { Ground, Time } from './conformance.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-outbox-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

export function time(): Time {
  const clock = virtualClock();
  return {
    clock,
    random: seededRandom(7),
    async pass(ms) {
      for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(ms);
    },
  };
}

export function onDisk(): Ground {
  const dir = join(root, String(folder++));
  return {
    store: (service, runtime) => sqlite({ dir, durability: 'normal' }).open(service, runtime),
    bus: (runtime) => embedded({ dir }).open(runtime),
    end: async () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** The stores live as long as the ground: a process that opens one again finds what was committed. */
export function inMemory(): Ground {
  const stores = new Map<string, Promise<Store>>();
  const bus = memoryBus({ duplicates: 0.2 });
  return {
    async store(service, runtime) {
      const store = stores.get(service) ?? memory().open(service, runtime);
      stores.set(service, store);
      return { ...(await store), close: async () => {} };
    },
    bus: (runtime) => bus.open(runtime),
    async end() {
      for (const store of stores.values()) await (await store).close();
    },
  };
}
