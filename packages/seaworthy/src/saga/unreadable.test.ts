import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memory } from '../store/drivers/memory.ts';
import { readerBy } from '../store/read-by.ts';
import type { Store } from '../store/store.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { saga } from './definition.ts';
import { eachStore } from './each-store.fixture.ts';
import { SagaUnreadable } from './instance.ts';
import { listSagas, sagaOf } from './list.ts';
import { resolveStuck, stuckSagas } from './verdict.ts';
import { openWorld, Ref, remote, trips } from './world.fixture.ts';

const { named } = eachStore(virtualClock, () => seededRandom(1));

const paying = saga(trips, 'paying', { input: Ref, uses: [remote], key: ({ id }) => id }).step('pay', {
  retry: { attempts: 1000 },
  do: ({ call, input }) => call(remote.pay, input),
});

/** What somebody may have made of a row, and what is said of it. */
const damages: readonly (readonly [string, RegExp])[] = [
  ["journal = '{oops'", /`journal` is not JSON/],
  ["journal = '{}'", /`journal` must be a list of steps/],
  ["journal = '[{}]'", /`journal` must be a list of steps/],
  ["journal = 'null'", /`journal` must be a list of steps/],
  ["input = ''", /`input` is not JSON/],
  ["cause = 'because'", /`cause` is not JSON/],
  ["cause = '{}'", /`cause` must say why/],
  ["stopping = 'enough'", /`stopping` is not JSON/],
  ["stopping = '{}'", /`stopping` must say why/],
  ['until = 9223372036854775807', /`until` must be a number/],
  ['attempts = 9223372036854775807', /`attempts` must be a number/],
  ["state = 'paused'", /`state` must be one of running/],
];

for (const [damage, told] of damages) {
  for (const own of [true, false]) {
    named(
      `a saga whose row has ${damage} is reported by name and left aside ${own ? 'by its owner' : 'at a start'}; the others continue`,
      async (world) => {
        let down = true;
        world.callee.answers = {
          pay: () => {
            if (down) throw new Error('down');
          },
        };
        const logged: unknown[] = [];
        const runtime = {
          ...world.runtime,
          observe: { ...world.runtime.observe, log: (_: string, message: string, more?: object) => void logged.push([message, more]) },
        };
        const first = await world.process([paying], world.store, { runtime });
        await world.run(first.engine, ({ start }) => {
          for (const id of ['a', 'b', 'c']) start(paying, { id });
        });
        await world.when('all wait', async () => (await world.store.read.all('select 1 from sw_saga where attempts > 0')).length === 3);
        if (!own) {
          await first.engine.close();
          await first.worker.close();
        }
        await world.store.transaction((tx) => tx.run(`update sw_saga set ${damage} where saga_key = 'a'`));
        down = false;
        if (!own) await world.process([paying], world.store, { runtime });
        const done = async (): Promise<number> => (await world.store.read.all("select 1 from sw_saga where state = 'done'")).length;
        await world.when('the others are done', async () => (await done()) === 2);
        const reasons = (): readonly string[] =>
          logged.flatMap((line) => {
            const [message, { error, reason }] = line as [string, { error?: Error; reason?: string }];
            return message.startsWith('saga cannot be read') ? [error?.message ?? String(reason)] : [];
          });
        await world.when('it is told of', () => reasons().length > 0);
        await world.clock.advance(120_000);
        assert.equal(reasons().length, 1, 'once');
        assert.match(reasons()[0] as string, told);
        assert.match(reasons()[0] as string, /the saga paying a \(/);
        const [listed] = await listSagas(world.store.read, { key: 'a' });
        assert.match(String(listed?.unreadable), told);
        assert.match(String((await sagaOf(world.store.read, String(listed?.id)))?.unreadable), told);
        // Once its row is mended it goes on.
        const whole = `state = 'running', journal = '[{"step":"pay","state":"intended"}]', input = '{"id":"a"}', cause = null, stopping = null, until = null, attempts = 0, due = 0`;
        await world.store.transaction((tx) => tx.run(`update sw_saga set ${whole} where saga_key = 'a'`));
        for (let seconds = 0; seconds < 60 && (await done()) < 3; seconds++) await world.clock.advance(1000);
        assert.equal(await done(), 3);
      },
    );
  }
}

named('a stuck saga that cannot be read is listed, and a verdict on it is refused by name', async (world) => {
  const insert = `insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
    values ('x', 'paying', 'x', 'remote pay', '{}', 'stuck', '', 0, 0, '', 0, 0)`;
  await world.store.transaction((tx) => tx.run(insert));
  assert.match(String((await stuckSagas(world.store.read))[0]?.unreadable), /`journal` is not JSON/);
  await assert.rejects(resolveStuck(world.store as Store<unknown, unknown>, world.runtime, 'x', { kind: 'retry' }), SagaUnreadable);
  await world.process([paying]);
});

test('a start reads no instance with the definition of this code, and others a few at a time', async () => {
  const world = await openWorld(memory(), virtualClock(), seededRandom(1));
  const insert = `with recursive n (i) as (select 1 union all select i + 1 from n where i < 400)
    insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
    select ? || i, 'paying', ? || i, ?, '{"id":"x"}', 'running', '[{"step":"pay","state":"intended"}]', 0, 9e15, '', 0, 0 from n`;
  await world.store.transaction(async (tx) => {
    await tx.run(insert, 'same', 'same', 'remote pay');
    await tx.run(insert, 'other', 'other', 'remote pay, remote more');
  });
  let most = 0;
  const view: Store = {
    ...world.store,
    sqlRead: readerBy(async (sql, values) => {
      const rows = await world.store.sqlRead.all(sql, ...values);
      if (rows.some((row) => 'journal' in row)) most = Math.max(most, rows.length);
      return rows;
    }),
  };
  await world.process([paying], view);
  await world.when(
    'all are taken over',
    async () => (await world.store.read.all("select 1 from sw_saga where owner = '' limit 1")).length === 0,
  );
  assert.ok(most <= 16, `${most} rows at one time`);
});

test('rows in an unknown state are reported without being read whole', async () => {
  const world = await openWorld(memory(), virtualClock(), seededRandom(1));
  await world.store.transaction((tx) =>
    tx.run(`insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, owner, started, changed)
      values ('x', 'paying', 'x', 'remote pay', '{}', 'paused', '[]', 0, 0, '', 0, 0)`),
  );
  const logged: unknown[] = [];
  const observe = { ...world.runtime.observe, log: (_: string, __: string, more?: object) => void logged.push(more) };
  let whole = false;
  const view: Store = {
    ...world.store,
    sqlRead: readerBy(async (sql, values) => {
      const rows = await world.store.sqlRead.all(sql, ...values);
      whole ||= rows.some((row) => 'journal' in row || 'input' in row);
      return rows;
    }),
  };
  await world.process([paying], view, { runtime: { ...world.runtime, observe } });
  await world.when('it is reported', () => logged.length > 0);
  assert.match(JSON.stringify(logged), /the saga paying x \(x\) cannot be read: its column `state` must be one of running/);
  assert.ok(!whole);
});
