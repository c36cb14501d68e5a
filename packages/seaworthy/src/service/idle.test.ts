import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { command, contract, event } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { saga } from '../saga/definition.ts';
import { memory } from '../store/drivers/memory.ts';
import { allBy, readerBy } from '../store/read-by.ts';
import type { Store, StoreDriver, Tx } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { external } from './handler.ts';
import { type RunningService, run } from './lifecycle.ts';
import { service } from './service.ts';

const Ref = z.object({ id: z.string() });
const shop = contract('shop', {
  sell: command({ http: 'POST /sell', input: Ref }),
  pay: command({ http: 'POST /pay', input: Ref }),
  sold: event({ key: 'id', data: Ref }),
});
const selling = saga(shop, 'selling', { input: Ref, deadline: '1h' }).step('wait', { do: () => {} });
/** A service with work of every kind. */
const whole = service(shop, {
  handlers: {
    sell: ({ input, publish, start }) => {
      publish('sold', input);
      void start(selling, input);
    },
    pay: external({ before: () => null, do: () => {}, after: () => {} }),
  },
  on: (on) => [on(shop.sold, () => {})],
  sagas: [selling],
});

/** Counts what a store is asked, by the words of the statements; a transaction of several statements, or of one that waits, begins and commits. */
function counting(store: Store, counts: Map<string, number>): Store {
  const note = (sql: string): void => {
    const words = sql.replaceAll(/\s+/g, ' ').slice(0, 60);
    counts.set(words, (counts.get(words) ?? 0) + 1);
  };
  const sqlRead = readerBy((sql, values) => {
    note(sql);
    return store.sqlRead.all(sql, ...values);
  });
  async function transaction<V>(work: (tx: Tx) => Promise<V>, options: Parameters<Store['transaction']>[1]): Promise<V> {
    const given: string[] = [];
    let deferred = 0;
    const value = await store.transaction((tx) => {
      given.length = 0;
      deferred = 0;
      return work({
        ...tx,
        level: tx.level,
        all: allBy((sql, values) => {
          given.push(sql);
          return tx.all(sql, ...values);
        }),
        run(sql, ...values) {
          given.push(sql);
          return tx.run(sql, ...values);
        },
        runAtCommit(sql, ...values) {
          given.push(sql);
          deferred++;
          return tx.runAtCommit(sql, ...values);
        },
      });
    }, options);
    const alone = given.length === 1 && deferred === 1;
    for (const sql of alone ? given : ['begin', ...given, 'commit']) note(sql);
    return value;
  }
  return { ...store, sqlRead, read: sqlRead, transaction };
}

/** Runs idle services on one database for ten minutes. Returns how many statements each gave in a second, and which. */
async function idle(processes: number, hears: boolean): Promise<{ readonly each: number; readonly counts: ReadonlyMap<string, number> }> {
  const clock = virtualClock();
  const rt = runtime({ clock, random: seededRandom(1) });
  const database = await memory().open('shop', rt);
  const counts = new Map<string, number>();
  const watched = { ...counting(database, counts), hears: () => hears };
  const store: StoreDriver = { open: async () => ({ ...watched, close: async () => {} }) };
  const bus = await memoryBus().open(rt);
  const running: RunningService[] = [];
  for (let n = 0; n < processes; n++) {
    const one = await clock.run(run(whole, { runtime: rt, store, bus, call: (() => assert.fail('it calls nobody')) as never }));
    await clock.run(one.begin());
    running.push(one);
  }
  await clock.advance(60_000);
  counts.clear();
  const seconds = 600;
  await clock.advance(seconds * 1000);
  const each = [...counts.values()].reduce((sum, count) => sum + count, 0) / seconds / processes;
  const seen = new Map(counts);
  for (const one of running) {
    await clock.run(one.quiesce(AbortSignal.abort(new Error('over'))));
    await clock.run(one.close(AbortSignal.abort(new Error('over'))));
  }
  await database.close();
  return { each, counts: seen };
}

const listed = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .toSorted(([, one], [, other]) => other - one)
    .map(([sql, count]) => `${count} in ten minutes: ${sql}`)
    .join('\n');

test('an idle service that hears other processes gives two statements a second: its heartbeat, and one now and then of each kind', async () => {
  const { each, counts } = await idle(1, true);
  assert.ok(each <= 2, `${each} a second\n${listed(counts)}`);
  const [[heartbeat, beats] = ['', 0], ...others] = [...counts].toSorted(([, one], [, other]) => other - one);
  assert.match(heartbeat, /^insert into sw_worker/);
  assert.equal(beats, 600);
  for (const [sql, count] of others) if (sql !== 'begin' && sql !== 'commit') assert.ok(count <= 120, `${count} in ten minutes: ${sql}`);
});

test('two idle processes of a service give little more each, since they watch each other', async () => {
  const { each, counts } = await idle(2, true);
  assert.ok(each <= 2.2, `${each} a second\n${listed(counts)}`);
});

test('an idle service that hears no other process looks each second', async () => {
  const { each, counts } = await idle(1, false);
  assert.ok(each >= 5 && each <= 9, `${each} a second\n${listed(counts)}`);
});
