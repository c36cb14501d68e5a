import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { silent } from '../../core/observe.ts';
import { runtime } from '../../core/runtime.ts';
import { sqlite } from '../../store/drivers/sqlite.ts';
import type { Store } from '../../store/store.ts';
import { seededRandom, virtualClock } from '../../testing/clock.ts';
import type { Bus, Handle } from '../bus.ts';
import { type Envelope, envelope } from '../envelope.ts';
import { written } from '../options.ts';
import { embedded } from './embedded.ts';
import { append, logMigrations, partitionOf, prune, readLog } from './embedded-log.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-embedded-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

const put = (store: Store, topic: string, events: readonly Envelope[], now: number): Promise<void> =>
  append(store, topic, written(topic, events, { maxBytes: Number.POSITIVE_INFINITY }), now);
let seed = 0;
const topic = 'orders';

const event = (key: string, n: number, data: unknown = {}): Envelope =>
  envelope({ id: `${key}/${n}`, service: topic, event: 'placed', key, now: 0, data });

/** A process with a clock of its own: while that stands still the process does nothing, and others take it for dead. */
async function process(dir: string): Promise<{
  bus: Bus;
  logged: string[];
  pass(ms: number): Promise<void>;
  stalled(ms: number): void;
  run<V>(work: Promise<V>): Promise<V>;
}> {
  const virtual = virtualClock();
  let slept = 0;
  const clock = { ...virtual, now: () => virtual.now() + slept, monotonic: () => virtual.monotonic() + slept };
  const logged: string[] = [];
  const observe = { ...silent, log: (_level: string, message: string) => void logged.push(message) };
  /** Lets time pass in steps so small that no member is taken for dead. */
  async function run<V>(work: Promise<V>): Promise<V> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    while (!settled) await clock.advance(1);
    return work;
  }
  const bus = await run(embedded({ dir }).open(runtime({ clock, random: seededRandom(++seed), observe })));
  /** Wakes after so long a time, in which none of its timers ran. */
  const stalled = (ms: number): void => {
    slept += ms;
  };
  return { bus, logged, pass: (ms) => clock.advance(ms), stalled, run };
}

/** A handler that records events and acknowledges each when `letGo` is called. */
function slow(): { handle: Handle; seen: string[]; orphaned: string[]; letGo(id: string): void } {
  const gates = new Map<string, () => void>();
  const [seen, orphaned]: string[][] = [[], []];
  return {
    seen: seen as string[],
    orphaned: orphaned as string[],
    handle({ id }, delivery) {
      seen?.push(id);
      if (delivery.orphaned) orphaned?.push(id);
      return new Promise((resolve) => gates.set(id, resolve));
    },
    letGo(id) {
      gates.get(id)?.();
    },
  };
}

/** In each half of the partitions there are some: with two members the even ones are for one, the odd ones for the other. */
const keys = Array.from({ length: 12 }, (_, n) => `k${n}`);

test('events that a living member has in flight, and those queued behind them, go to no other member', async () => {
  const dir = join(root, String(folder++));
  const [one, two] = [await process(dir), await process(dir)];
  const [first, second] = [slow(), slow()];
  await one.run(one.bus.subscribe({ topic, group: 'g', handle: first.handle }));
  await one.run(
    one.bus.publish(
      topic,
      keys.flatMap((key) => [event(key, 0), event(key, 1)]),
    ),
  );
  await one.pass(500);
  assert.equal(first.seen.length, keys.length);
  await two.run(two.bus.subscribe({ topic, group: 'g', handle: second.handle }));
  for (let second = 0; second < 6; second++) for (const each of [one, two]) await each.pass(1000);
  assert.deepEqual(second.seen, []);
  // Once none of its events is in flight, the partition goes to the other member, which continues after the last event.
  for (const key of keys) first.letGo(`${key}/0`);
  await one.pass(100);
  for (const key of keys) first.letGo(`${key}/1`);
  for (let second = 0; second < 6; second++) for (const each of [one, two]) await each.pass(1000);
  assert.deepEqual(second.seen, []);
  await one.run(
    one.bus.publish(
      topic,
      keys.map((key) => event(key, 2)),
    ),
  );
  for (let second = 0; second < 3; second++) for (const each of [one, two]) await each.pass(1000);
  assert.equal(new Set([...first.seen, ...second.seen].filter((id) => id.endsWith('/2'))).size, keys.length);
  assert.ok(second.seen.length > 0);
  for (const each of [first, second]) for (const id of each.seen) each.letGo(id);
  await one.run(one.bus.close());
  await two.run(two.bus.close());
});

test('a member that was taken for dead hands out none of its queued events; the other member gets all of them, as orphaned', async () => {
  const dir = join(root, String(folder++));
  const [one, two] = [await process(dir), await process(dir)];
  const [first, second] = [slow(), slow()];
  await one.run(one.bus.subscribe({ topic, group: 'g', handle: first.handle }));
  await one.run(one.bus.publish(topic, [event('a', 0), event('a', 1), event('a', 2)]));
  await one.pass(300);
  assert.deepEqual([first.seen, first.orphaned], [['a/0'], []]);
  // The first one does nothing from here on.
  await two.run(two.bus.subscribe({ topic, group: 'g', handle: second.handle }));
  await two.pass(6000);
  assert.deepEqual(second.orphaned, ['a/0']);
  one.stalled(6000);
  await one.pass(1500);
  first.letGo('a/0');
  await one.pass(1500);
  assert.deepEqual(first.seen, ['a/0']);
  for (const n of [0, 1, 2]) {
    second.letGo(`a/${n}`);
    await two.pass(100);
  }
  await two.run(two.bus.publish(topic, [event('a', 3)]));
  await two.pass(300);
  assert.deepEqual(
    [second.seen, second.orphaned],
    [
      ['a/0', 'a/1', 'a/2', 'a/3'],
      ['a/0', 'a/1', 'a/2'],
    ],
  );
  second.letGo('a/3');
  await one.run(one.bus.close());
  await two.run(two.bus.close());
});

test('a position is pending for a group until the group has saved its progress past it', async () => {
  const dir = join(root, String(folder++));
  const one = await process(dir);
  const positions: string[] = [];
  let letGo = (): void => {};
  const hung = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await one.run(
    one.bus.subscribe({
      topic,
      group: 'g',
      async handle({ id }, { position }) {
        positions.push(String(position));
        if (id === 'a/1') await hung;
      },
    }),
  );
  await one.run(one.bus.publish(topic, [event('a', 0), event('a', 1)]));
  await one.pass(1000);
  const pending = async (group: string): Promise<readonly string[]> => [
    ...(await one.bus.pending(topic, group, [...positions, '99', 'x', ''])),
  ];
  assert.equal(positions.length, 2);
  assert.deepEqual(await pending('g'), [positions[1]]);
  assert.deepEqual(await pending('other'), positions);
  letGo();
  await one.pass(1000);
  assert.deepEqual(await pending('g'), []);
  await one.run(one.bus.close());
});

test('rows that are not events, name no partition or have no position are logged and left aside; the others arrive', async () => {
  const dir = join(root, String(folder++));
  const one = await process(dir);
  const group = slow();
  await one.run(
    one.bus.publish(
      topic,
      keys.map((key) => event(key, 0)),
    ),
  );
  const db = new DatabaseSync(join(dir, 'bus.db'));
  db.exec(`update bus_log set body = '{oops' where id = 'k0/0'; update bus_log set part = 99 where id = 'k1/0';
    insert into bus_progress (topic, name, part, position, owner) values ('orders', 'g', ${partitionOf('k2')}, 9223372036854775807, '')`);
  await one.run(one.bus.subscribe({ topic, group: 'g', handle: group.handle }));
  await one.pass(2000);
  const aside = keys.filter((key) => key === 'k0' || key === 'k1' || partitionOf(key) === partitionOf('k2'));
  assert.deepEqual(
    group.seen.toSorted(),
    keys
      .filter((key) => !aside.includes(key))
      .map((key) => `${key}/0`)
      .toSorted(),
  );
  assert.match(one.logged.join('\n'), /row 1 of bus_log is not an event and is passed over/);
  assert.match(one.logged.join('\n'), /row 2 of bus_log is not an event and is passed over/);
  assert.match(one.logged.join('\n'), new RegExp(`partition ${partitionOf('k2')} of orders has no position for g`));
  assert.equal(one.logged.filter((message) => message.includes('no position')).length, 1);
  assert.deepEqual(
    db
      .prepare('select position from bus_log where broken = 1')
      .all()
      .map((row) => row['position']),
    [1, 2],
  );
  db.close();
  for (const id of group.seen) group.letGo(id);
  await one.run(one.bus.close());
});

test('the log is read by bytes as well as by rows, and a larger row alone', async () => {
  const store = await sqlite({ dir: join(root, String(folder++)) }).open('bus', runtime());
  await store.migrate(logMigrations);
  await put(
    store,
    topic,
    Array.from({ length: 20 }, (_, n) => event('k', n, n === 10 ? 'ü'.repeat(2000) : '')),
    0,
  );
  const sizes: number[] = [];
  for (let [at, more] = [0, true]; more; ) {
    const some = await readLog(store, topic, at, { rows: 6, bytes: 2000 });
    at = some.rows.at(-1)?.position ?? at;
    if (some.rows.length > 0) sizes.push(some.rows.length);
    more = some.more;
  }
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    20,
  );
  assert.ok(sizes.every((size) => size <= 6));
  assert.deepEqual((await readLog(store, topic, 10, { rows: 6, bytes: 2000 })).rows.length, 1);
  await store.close();
});

test('events that were appended last, or again, are kept however old they are, so that the log recognises them when a relay repeats them', async () => {
  const store = await sqlite({ dir: join(root, String(folder++)) }).open('bus', runtime());
  await store.migrate(logMigrations);
  const two = [event('k', 0), event('k', 1)];
  await put(store, topic, two.slice(0, 1), 1);
  await put(store, topic, two, 2);
  await put(store, topic, [event('k', 2)], 3);
  await store.transaction((tx) =>
    tx.run("insert into bus_progress (topic, name, part, position, owner) values ('orders', 'g', 0, 99, '')"),
  );
  assert.equal(await prune(store, 2), 0);
  assert.equal(await prune(store, 1000), 2);
  await put(store, topic, [event('k', 2)], 4);
  assert.equal((await readLog(store, topic, 0, { rows: 10, bytes: 1000 })).rows.length, 1);
  await store.close();
});
