import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { runtime } from '../core/runtime.ts';
import { memory } from './drivers/memory.ts';
import { sqlite } from './drivers/sqlite.ts';
import { SavepointMisused } from './errors.ts';
import type { Store, StoreDriver, Tx } from './store.ts';

/** What the work of a transaction does, in order. */
type Deed =
  | { readonly kind: 'write' | 'answer' | 'read' | 'refused' }
  | { readonly kind: 'savepoint'; readonly fails: boolean; readonly deeds: readonly Deed[] };

const { deed } = fc.letrec<{ deed: Deed }>((tie) => ({
  deed: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constantFrom('write', 'answer', 'read', 'refused') }),
    fc.record({ kind: fc.constant('savepoint' as const), fails: fc.boolean(), deeds: fc.array(tie('deed'), { maxLength: 4 }) }),
  ),
}));
const transactions = fc.array(fc.record({ fails: fc.boolean(), deeds: fc.array(deed, { maxLength: 6 }) }), { minLength: 1, maxLength: 6 });

class Thrown extends Error {}

const numbers = async (read: Pick<Tx, 'all'>): Promise<readonly number[]> =>
  (await read.all('select n from x order by n')).map(({ n }) => Number(n));

/** Does the deeds, and returns the numbers that there are then. */
async function perform(tx: Tx, deeds: readonly Deed[], there: readonly number[], next: () => number): Promise<readonly number[]> {
  let now = there;
  for (const one of deeds) {
    if (one.kind === 'savepoint') {
      const inner = tx.savepoint(async () => {
        const after = await perform(tx, one.deeds, now, next);
        if (one.fails) throw new Thrown();
        return after;
      });
      now = await inner.catch((error: unknown) => {
        if (error instanceof Thrown) return now;
        throw error;
      });
    } else if (one.kind === 'read') assert.deepEqual(await numbers(tx), now);
    else if (one.kind === 'refused') await assert.rejects(tx.savepoint(() => tx.run('insert into x values (-1)')));
    else {
      const n = next();
      if (one.kind === 'write') await tx.run('insert into x values (?)', n);
      else assert.equal((await tx.all('insert into x values (?) returning n', n))[0]?.['n'], n);
      now = [...now, n];
    }
  }
  return now;
}

const root = mkdtempSync(join(tmpdir(), 'seaworthy-savepoints-'));
after(() => rmSync(root, { recursive: true, force: true }));
const drivers: Readonly<Record<string, () => StoreDriver>> = {
  sqlite: () => sqlite({ dir: mkdtempSync(join(root, 'sqlite-')), durability: 'normal' }),
  memory,
};

for (const [name, driver] of Object.entries(drivers)) {
  const opened = async (): Promise<Store> => {
    const store = await driver().open('bank', runtime());
    await store.migrate([{ name: 'x/1', statements: ['create table x (n integer primary key check (n >= 0))'] }]);
    return store;
  };

  test(`${name}: whatever savepoints and transactions are rolled back, exactly the rest is there`, async () => {
    const store = await opened();
    let all: readonly number[] = [];
    let last = 0;
    const next = (): number => ++last;
    await fc.assert(
      fc.asyncProperty(transactions, async (some) => {
        for (const { deeds, fails } of some) {
          const done = store.transaction(async (tx) => {
            const then = await perform(tx, deeds, all, next);
            if (fails) throw new Thrown();
            return then;
          });
          all = await done.catch((error: unknown) => {
            if (error instanceof Thrown) return all;
            throw error;
          });
          assert.deepEqual(await numbers(store.read), all);
        }
      }),
      { numRuns: 100 },
    );
    await store.close();
  });

  test(`${name}: savepoints that cross, and one that is open at the end, roll their transaction back and no other`, async () => {
    const store = await opened();
    for (const writes of [true, false]) {
      const crossed = store.transaction(async (tx) => {
        const held = Promise.withResolvers<void>();
        if (writes) await tx.run('insert into x values (1)');
        const first = tx.savepoint(() => held.promise);
        const second = tx.savepoint(async () => {
          try {
            if (writes) await tx.run('insert into x values (2)');
          } finally {
            // Also in a run that met a conflict, and is made again.
            held.resolve();
          }
          await first;
        });
        await Promise.allSettled([first, second]);
      });
      const open = store.transaction(async (tx) => {
        const never = tx.savepoint(async () => {
          if (writes) await tx.run('insert into x values (3)');
          await new Promise(() => {});
        });
        never.catch(() => {}); // the transaction itself tells of it
        if (writes) await tx.run('insert into x values (4)');
      });
      const good = store.transaction((tx) => tx.run('insert into x values (?)', writes ? 5 : 6));
      await Promise.all([assert.rejects(crossed, SavepointMisused), assert.rejects(open, SavepointMisused), good]);
    }
    assert.deepEqual(await numbers(store.read), [5, 6]);
    await store.close();
  });
}
