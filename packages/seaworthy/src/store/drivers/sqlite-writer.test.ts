import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import type { CrashPoint } from '../../core/crash.ts';
import { quiescent } from '../../core/event-loop.ts';
import { silent } from '../../core/observe.ts';
import { runtime } from '../../core/runtime.ts';
import { type VirtualClock, virtualClock } from '../../testing/clock.ts';
import { CommitFailed, StatementFailed } from '../errors.ts';
import type { Store, Tx } from '../store.ts';
import { openSqlite } from './sqlite-store.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-writer-'));
after(() => rmSync(root, { recursive: true, force: true }));
let file = 0;

interface Bank {
  readonly store: Store;
  readonly clock: VirtualClock;
  readonly path: string;
  /** How often it was counted: groups that were committed, transactions in them, runs that were taken back. */
  readonly counted: (what: 'commits' | 'transactions' | 'yields') => number;
  /** What happens at a crash point. */
  reached: (point: CrashPoint) => void;
}

function named(name: string, body: (bank: Bank) => Promise<void>): void {
  test(name, async () => {
    const counts = new Map<string, number>();
    const path = join(root, `${file++}.db`);
    const clock = virtualClock();
    const observe = { ...silent, count: (of: string, _: object = {}, by = 1) => void counts.set(of, (counts.get(of) ?? 0) + by) };
    const store = await openSqlite(path, 'bank', 'normal', runtime({ clock, observe, reached: (point) => bank.reached(point) }));
    const bank: Bank = {
      store,
      clock,
      path,
      reached: () => {},
      counted: (what) => counts.get(`seaworthy_store_${what}_total`) ?? 0,
    };
    await store.migrate([
      {
        name: 'x/1',
        statements: ['create table x (n integer primary key)', 'create table y (n integer references x deferrable initially deferred)'],
      },
    ]);
    counts.clear();
    await body(bank);
    await store.close();
    assert.equal(clock.waiting, 0, 'no timer is left');
  });
}

const insert = (tx: Tx, n: number): Promise<unknown> => tx.run('insert into x values (?)', n);
const numbers = async ({ read }: Store): Promise<readonly unknown[]> => (await read.all('select n from x order by n')).map(({ n }) => n);

/** What of these is settled once nothing but the clock or the test can go on. */
async function settled(...works: readonly Promise<unknown>[]): Promise<readonly boolean[]> {
  const done = works.map(() => false);
  works.forEach((work, index) => {
    const settle = (): void => {
      done[index] = true;
    };
    work.then(settle, settle);
  });
  for (let round = 0; round < 10; round++) await quiescent();
  return done;
}

/** Work that inserts `n`, and then waits until it is let go on; as often as it runs. */
function waits(n: number) {
  const runs: PromiseWithResolvers<void>[] = [];
  const errors: unknown[] = [];
  return {
    errors,
    runs: () => runs.length,
    goOn: () => runs.at(-1)?.resolve(),
    async work(tx: Tx): Promise<void> {
      const run = Promise.withResolvers<void>();
      runs.push(run);
      await insert(tx, n);
      await run.promise;
      await tx.all('select 1 as one').catch((error: unknown) => {
        errors.push(error);
        throw error;
      });
    },
  };
}

named('transactions that arrive together commit together, at most 128 of them', async ({ store, counted }) => {
  await Promise.all(Array.from({ length: 300 }, (_, n) => store.transaction((tx) => insert(tx, n))));
  assert.deepEqual([counted('commits'), counted('transactions')], [3, 300]);
});

named('transactions that arrive in the same turn of the event loop commit together', async ({ store, counted }) => {
  const all = [store.transaction((tx) => insert(tx, 0))];
  for (let n = 1; n < 100; n++) {
    await Promise.resolve();
    if (n % 10 === 0) all.push(store.transaction((tx) => insert(tx, n)));
  }
  await Promise.all(all);
  assert.deepEqual([counted('commits'), counted('transactions')], [1, 10]);
});

named(
  'a transaction that holds up its group is rolled back, the group commits, and it runs again once its work has settled',
  async ({ store, clock, counted }) => {
    const slow = waits(2);
    const quick = store.transaction((tx) => insert(tx, 1));
    const held = store.transaction(slow.work);
    assert.deepEqual(await settled(quick, held), [false, false]);
    await clock.advance(20);
    assert.deepEqual(await settled(quick, held), [true, false]);
    assert.deepEqual(await numbers(store), [1]);
    // Others go on meanwhile, and no second run begins beside the first.
    await store.transaction((tx) => insert(tx, 3));
    assert.equal(slow.runs(), 1);
    slow.goOn();
    await settled();
    assert.match(String(slow.errors), /rolled back: the work runs again/);
    assert.equal(slow.runs(), 2);
    // Nor does it wait for those behind it then.
    const hangs = waits(4);
    const behind = store.transaction(hangs.work);
    slow.goOn();
    assert.deepEqual(await settled(held, behind), [true, false]);
    assert.deepEqual(await numbers(store), [1, 2, 3]);
    hangs.goOn();
    await behind;
    assert.deepEqual([counted('yields'), counted('commits'), slow.runs()], [1, 4, 2]);
  },
);

named('a transaction that holds up no finished one is not rolled back, however long it runs', async ({ store, clock, counted }) => {
  const slow = waits(1);
  const first = store.transaction(slow.work);
  const second = store.transaction((tx) => insert(tx, 2));
  await settled();
  await clock.advance(60_000);
  slow.goOn();
  await Promise.all([first, second]);
  assert.deepEqual([slow.runs(), counted('yields')], [1, 0]);
});

named('a transaction that finishes after a long time commits at once, and does not wait for those behind it', async ({ store, clock }) => {
  const [one, two] = [waits(1), waits(2)];
  const first = store.transaction(one.work);
  const second = store.transaction(two.work);
  await settled();
  await clock.advance(30);
  one.goOn();
  assert.deepEqual(await settled(first, second), [true, false]);
  two.goOn();
  await second;
});

named(
  'a transaction that was rolled back runs next, alone: it is not rolled back again, and does not wait',
  async ({ store, clock, counted }) => {
    const [held, running, behind] = [waits(2), waits(3), waits(4)];
    const all = [store.transaction((tx) => insert(tx, 1)), store.transaction(held.work)];
    await settled();
    await clock.advance(20);
    all.push(store.transaction(running.work), store.transaction(behind.work));
    await settled();
    held.goOn();
    await settled();
    running.goOn();
    assert.deepEqual(await settled(...all), [true, false, true, false]);
    assert.deepEqual([held.runs(), behind.runs()], [2, 0]);
    await clock.advance(1000);
    held.goOn();
    assert.deepEqual(await settled(...all), [true, true, true, false]);
    behind.goOn();
    await Promise.all(all);
    assert.deepEqual([held.runs(), counted('yields')], [2, 1]);
  },
);

named('of several transactions that were rolled back none holds up the others again', async ({ store, clock, counted }) => {
  const slow = [waits(2), waits(4)];
  const all: Promise<unknown>[] = [];
  for (const [index, { work }] of slow.entries()) {
    all.push(
      store.transaction((tx) => insert(tx, 2 * index + 1)),
      store.transaction(work),
    );
    await settled();
    await clock.advance(20);
  }
  for (const { goOn } of slow) goOn();
  for (const _ of slow) {
    await settled();
    await clock.advance(1000);
    for (const { runs, goOn } of slow) if (runs() === 2) goOn();
  }
  await Promise.all(all);
  assert.deepEqual(await numbers(store), [1, 2, 3, 4]);
  assert.deepEqual([slow.map(({ runs }) => runs()), counted('yields')], [[2, 2], 2]);
});

named(
  'a transaction that was rolled back and is aborted before its second run rejects at once, and does not run again',
  async ({ store, clock }) => {
    const slow = waits(2);
    const leaving = new AbortController();
    const quick = store.transaction((tx) => insert(tx, 1));
    const held = store.transaction(slow.work, { signal: leaving.signal });
    await settled();
    await clock.advance(20);
    await quick;
    const left = assert.rejects(held, /left/);
    leaving.abort(new Error('left'));
    assert.deepEqual(await settled(held), [true]);
    await left;
    slow.goOn();
    await settled();
    assert.equal(slow.runs(), 1);
    assert.deepEqual(await numbers(store), [1]);
  },
);

named('a close waits for a transaction that was rolled back and has to run again', async ({ store, clock, path }) => {
  const slow = waits(2);
  const quick = store.transaction((tx) => insert(tx, 1));
  const held = store.transaction(slow.work);
  await settled();
  await clock.advance(20);
  await quick;
  const closing = store.close();
  assert.deepEqual(await settled(held, closing), [false, false]);
  slow.goOn();
  await settled();
  slow.goOn();
  await Promise.all([held, closing]);
  const other = new DatabaseSync(path);
  assert.equal(other.prepare('select count(*) as n from x').get()?.['n'], 2);
  other.close();
});

named('a transaction that is aborted while it runs does no more, and harms no other', async ({ store }) => {
  const slow = waits(2);
  const leaving = new AbortController();
  const first = store.transaction((tx) => insert(tx, 1));
  const left = assert.rejects(store.transaction(slow.work, { signal: leaving.signal }), /left/);
  const third = store.transaction((tx) => insert(tx, 3));
  await settled();
  leaving.abort(new Error('left'));
  await Promise.all([first, left, third]);
  slow.goOn();
  await settled();
  assert.match(String(slow.errors), /after its transaction had settled/);
  assert.deepEqual(await numbers(store), [1, 3]);
});

named('a transaction that is aborted while it waits never begins; one that is aborted once it is done commits', async ({ store }) => {
  const running = waits(2);
  const waiting = waits(3);
  const [late, leaving] = [new AbortController(), new AbortController()];
  const done = store.transaction((tx) => insert(tx, 1), { signal: late.signal });
  const middle = store.transaction(running.work);
  const left = assert.rejects(store.transaction(waiting.work, { signal: leaving.signal }), /left/);
  await settled();
  late.abort(new Error('too late'));
  leaving.abort(new Error('left'));
  await left;
  running.goOn();
  await Promise.all([done, middle]);
  assert.equal(waiting.runs(), 0);
  assert.deepEqual(await numbers(store), [1, 2]);
});

named('a transaction lets go of its signal, whatever became of it', async ({ store }) => {
  const { signal } = new AbortController();
  await store.transaction((tx) => insert(tx, 1), { signal });
  await assert.rejects(
    store.transaction((tx) => insert(tx, 1), { signal }),
    StatementFailed,
  );
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
});

named('work that throws before it gives a promise rejects its transaction alone', async ({ store }) => {
  const thrown = store.transaction(() => {
    throw new Error('at once');
  });
  await Promise.all([
    store.transaction((tx) => insert(tx, 1)),
    assert.rejects(thrown, /at once/),
    store.transaction((tx) => insert(tx, 2)),
  ]);
  assert.deepEqual(await numbers(store), [1, 2]);
});

named(
  'when the engine rolls everything back, the transaction that caused it is refused, and those before it run again in their order',
  async ({ store }) => {
    await store.transaction((tx) => insert(tx, 0));
    const order: number[] = [];
    const write = (n: number): Promise<unknown> =>
      store.transaction(async (tx) => {
        order.push(n);
        await insert(tx, n);
      });
    const leaving = new AbortController();
    let runs = 0;
    const work = async (tx: Tx): Promise<void> => {
      runs++;
      await insert(tx, 9);
    };
    const good = [write(1), write(2)];
    const left = assert.rejects(store.transaction(work, { signal: leaving.signal }), /left/);
    const bad = store.transaction(async (tx) => {
      leaving.abort(new Error('left'));
      await tx.run('insert or rollback into x values (0)').catch(() => {});
    });
    await Promise.all([...good, left, assert.rejects(bad, StatementFailed), write(3)]);
    assert.deepEqual(order, [1, 2, 1, 2, 3]);
    assert.equal(runs, 1);
    assert.deepEqual(await numbers(store), [0, 1, 2, 3]);
  },
);

named('a constraint that only the commit finds broken fails the transaction that broke it, and no other', async ({ store }) => {
  const write = (n: number): Promise<unknown> => store.transaction((tx) => insert(tx, n));
  const bad = store.transaction((tx) => tx.run('insert into y values (7)'));
  await Promise.all([write(1), assert.rejects(bad, StatementFailed), write(2)]);
  assert.deepEqual(await numbers(store), [1, 2]);
  assert.deepEqual(await store.read.all('select * from y'), []);
  const alone = store.transaction((tx) => tx.run('insert into y values (7)'));
  await assert.rejects(alone, StatementFailed);
  await write(3);
});

named('a commit that fails otherwise fails all of its group, with nothing left, and no later one', async (bank) => {
  const { store } = bank;
  bank.reached = (point) => {
    if (point === 'store/commit/before') throw new Error('full');
  };
  const runs: number[] = [];
  const write = (n: number): Promise<unknown> =>
    store.transaction(async (tx) => {
      runs.push(n);
      await insert(tx, n);
    });
  await Promise.all([1, 2].map((n) => assert.rejects(write(n), CommitFailed)));
  bank.reached = () => {};
  await write(3);
  assert.deepEqual(await numbers(store), [3]);
  assert.deepEqual(runs, [1, 2, 3]);
});

named('a transaction has the file to itself from its begin, before it changes anything', async ({ store, path }) => {
  const other = new DatabaseSync(path, { timeout: 0 });
  await store.transaction(async (tx) => {
    await tx.all('select n from x');
    assert.throws(() => other.exec('begin immediate'), /locked/);
    await insert(tx, 1);
  });
  other.close();
});

named(
  'once every transaction is aborted, the lock is not asked for any more, and the store can be closed',
  async ({ store, clock, path }) => {
    const other = new DatabaseSync(path);
    other.exec('begin immediate');
    const leaving = new AbortController();
    const left = assert.rejects(
      store.transaction((tx) => insert(tx, 1), { signal: leaving.signal }),
      /left/,
    );
    await settled();
    leaving.abort(new Error('left'));
    await left;
    await clock.run(store.close());
    other.close();
  },
);
