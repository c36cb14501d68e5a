import assert from 'node:assert/strict';
import { macrotask } from '../core/event-loop.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import type { Bus, BusDriver, Handle } from './bus.ts';
import { type Envelope, EnvelopeInvalid, envelope } from './envelope.ts';
import { BusClosed, SubscribeInvalid } from './errors.ts';

/** One promise of the port, and how to see it kept. */
export interface Case {
  readonly name: string;
  readonly run: () => Promise<void>;
}

const topic = 'orders';

function event(key: string, n: number): Envelope {
  return envelope({ id: `${key}/${n}`, service: topic, event: 'placed', key, now: 0, data: { key, n } });
}
const batch = (keys: readonly string[], from: number, to: number): Envelope[] =>
  Array.from({ length: to - from }, (_, index) => keys.map((key) => event(key, from + index))).flat();

/** What a handler saw, in order, and a way to wait for it. */
interface Seen {
  readonly handle: Handle;
  readonly ids: string[];
  until(holds: (ids: readonly string[]) => boolean): Promise<void>;
  /** First arrivals of a key, in their order. */
  of(key: string): readonly number[];
}

function seen(before: (envelope: Envelope) => void | Promise<void> = () => {}): Seen {
  const ids: string[] = [];
  return {
    ids,
    async handle(one) {
      await before(one);
      ids.push(one.id);
    },
    async until(holds) {
      for (let round = 0; round < 200_000; round++) {
        if (holds(ids)) return;
        await macrotask();
      }
      assert.fail(`it never came: ${ids.length} seen, the last ${ids.slice(-3).join(', ')}`);
    },
    of: (key) => [...new Set(ids.filter((id) => id.startsWith(`${key}/`)))].map((id) => Number(id.split('/')[1])),
  };
}

const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, index) => index);

/** The suite of the bus port: every driver runs all of it. `fresh` gives a driver on new ground; one driver is opened by several members. */
export function conformance(fresh: () => BusDriver, parts: Partial<Runtime> = {}): readonly Case[] {
  const named = (name: string, body: (open: () => Promise<Bus>) => Promise<void>): Case => ({
    name,
    async run() {
      const driver = fresh();
      const open: Bus[] = [];
      try {
        await body(async () => {
          const bus = await driver.open(runtime(parts));
          open.push(bus);
          return bus;
        });
      } finally {
        for (const bus of open) await bus.close();
      }
    },
  });

  return [
    named('every group gets every event; members of a group share them', async (open) => {
      const [one, two] = [await open(), await open()];
      const [stock, pay] = [seen(), seen()];
      await one.subscribe({ topic, group: 'stock', handle: stock.handle });
      await two.subscribe({ topic, group: 'pay', handle: pay.handle });
      await one.publish(topic, batch(['a', 'b'], 0, 10));
      await Promise.all([stock, pay].map((group) => group.until((ids) => new Set(ids).size === 20)));
    }),
    named('a late subscriber begins at the earliest', async (open) => {
      const bus = await open();
      await bus.publish(topic, batch(['a'], 0, 5));
      const late = seen();
      await bus.subscribe({ topic, group: 'late', handle: late.handle });
      await late.until((ids) => new Set(ids).size === 5);
      assert.deepEqual(late.of('a'), upTo(5));
    }),
    named('topics are apart', async (open) => {
      const bus = await open();
      const orders = seen();
      await bus.subscribe({ topic, group: 'g', handle: orders.handle });
      await bus.publish('other', [event('x', 0)]);
      await bus.publish(topic, [event('a', 0)]);
      await orders.until((ids) => ids.length > 0);
      assert.deepEqual([...new Set(orders.ids)], ['a/0']);
    }),
    named('G3: order per key, with many keys and several members', async (open) => {
      const [one, two] = [await open(), await open()];
      const keys = upTo(20).map((n) => `key${n}`);
      const { random } = runtime(parts);
      const group = seen(async () => {
        for (let turns = Math.floor(random.next() * 4); turns > 0; turns--) await macrotask();
      });
      await one.subscribe({ topic, group: 'g', handle: group.handle });
      await one.publish(topic, batch(keys, 0, 10));
      await two.subscribe({ topic, group: 'g', handle: group.handle });
      await two.publish(topic, batch(keys, 10, 20));
      await group.until((ids) => new Set(ids).size === 400);
      for (const key of keys) assert.deepEqual(group.of(key), upTo(20), key);
    }),
    named('G3: a key that hangs does not hold up the others', async (open) => {
      const bus = await open();
      let free = (): void => {};
      const stuck = new Promise<void>((resolve) => {
        free = resolve;
      });
      const group = seen((one) => (one.id === 'bad/0' ? stuck : undefined));
      await bus.subscribe({ topic, group: 'g', handle: group.handle });
      await bus.publish(topic, batch(['bad'], 0, 1000));
      await bus.publish(topic, batch(['good'], 0, 10));
      await group.until((ids) => ids.filter((id) => id.startsWith('good')).length >= 10);
      assert.deepEqual(group.of('bad'), []);
      free();
      await group.until((ids) => new Set(ids).size === 1010);
      assert.deepEqual(group.of('bad'), upTo(1000));
    }),
    named('G2: a rejected event comes again, before any later one of its key', async (open) => {
      const bus = await open();
      let tries = 0;
      const group = seen((one) => {
        if (one.id === 'a/1' && ++tries < 3) throw new Error('no database');
      });
      await bus.subscribe({ topic, group: 'g', handle: group.handle });
      await bus.publish(topic, batch(['a'], 0, 4));
      await group.until((ids) => new Set(ids).size === 4);
      assert.equal(tries >= 3, true);
      assert.deepEqual(group.of('a'), upTo(4));
    }),
    named('G13: a close waits for what is in hand and hands out nothing new; the rest goes to another member', async (open) => {
      const [one, two] = [await open(), await open()];
      let free = (): void => {};
      const gate = new Promise<void>((resolve) => {
        free = resolve;
      });
      let begun = 0;
      const first = seen(() => {
        begun++;
        return gate;
      });
      const leaving = await one.subscribe({ topic, group: 'g', handle: first.handle, concurrency: 2 });
      await one.publish(topic, batch(['a', 'b', 'c'], 0, 2));
      while (begun < 2) await macrotask();
      const closed = leaving.close();
      free();
      await closed;
      assert.equal(first.ids.length, 2);
      const second = seen();
      await two.subscribe({ topic, group: 'g', handle: second.handle });
      await second.until((ids) => new Set([...first.ids, ...ids]).size === 6);
    }),
    named('G13: what a close cuts short is aborted, and comes again', async (open) => {
      const [one, two] = [await open(), await open()];
      let aborted = false;
      let begun = false;
      const leaving = await one.subscribe({
        topic,
        group: 'g',
        handle: (_, { signal }) => {
          begun = true;
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              aborted = true;
              reject(signal.reason);
            });
          });
        },
      });
      await one.publish(topic, [event('a', 0)]);
      while (!begun) await macrotask();
      await leaving.close(AbortSignal.abort(new Error('down')));
      assert.equal(aborted, true);
      const second = seen();
      await two.subscribe({ topic, group: 'g', handle: second.handle });
      await second.until((ids) => ids.includes('a/0'));
    }),
    named('a member that comes back does not get events twice over (moleculer#1363)', async (open) => {
      const bus = await open();
      const [first, second] = [seen(), seen()];
      const leaving = await bus.subscribe({ topic, group: 'g', handle: first.handle });
      await bus.publish(topic, batch(['a'], 0, 5));
      await first.until((ids) => new Set(ids).size === 5);
      await leaving.close();
      await bus.subscribe({ topic, group: 'g', handle: second.handle });
      await bus.publish(topic, batch(['a'], 5, 10));
      await second.until((ids) => new Set(ids).size === 5);
      assert.deepEqual(second.of('a'), [5, 6, 7, 8, 9]);
    }),
    named('an event that is none is refused before anything is published; so is a wrong option', async (open) => {
      const bus = await open();
      const group = seen();
      await bus.subscribe({ topic, group: 'g', handle: group.handle });
      await assert.rejects(bus.publish(topic, [event('a', 0), { ...event('a', 1), partitionkey: '' }]), EnvelopeInvalid);
      await assert.rejects(bus.subscribe({ topic, group: '', handle: group.handle }), SubscribeInvalid);
      await assert.rejects(bus.subscribe({ topic, group: 'g', handle: group.handle, concurrency: 0 }), /concurrency/);
      await bus.publish(topic, [event('a', 2)]);
      await group.until((ids) => ids.length > 0);
      assert.deepEqual(group.of('a'), [2]);
    }),
    named('a closed bus refuses both', async (open) => {
      const bus = await open();
      await bus.close();
      await assert.rejects(bus.publish(topic, [event('a', 0)]), BusClosed);
      await assert.rejects(bus.subscribe({ topic, group: 'g', handle: seen().handle }), BusClosed);
    }),
    named('what was published is its own: a change to it later reaches nobody', async (open) => {
      const bus = await open();
      let got: unknown;
      const group = seen((one) => {
        got = one.data;
      });
      await bus.subscribe({ topic, group: 'g', handle: group.handle });
      const sent = event('a', 0);
      await bus.publish(topic, [sent]);
      (sent.data as { n: number }).n = 99;
      await group.until((ids) => ids.length > 0);
      assert.deepEqual(got, { key: 'a', n: 0 });
    }),
  ];
}
