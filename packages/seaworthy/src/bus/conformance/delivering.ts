import assert from 'node:assert/strict';
import { macrotask } from '../../core/event-loop.ts';
import { SubscribeInvalid } from '../errors.ts';
import { batch, event, keysOf, type Promised, seen, topic, upTo } from './ground.ts';

export const delivering: readonly Promised[] = [
  {
    name: 'every group gets every event',
    async body({ open, until }) {
      const [one, two] = [await open(), await open()];
      const [stock, pay] = [seen(), seen()];
      await one.subscribe({ topic, group: 'stock', handle: stock.handle });
      await two.subscribe({ topic, group: 'pay', handle: pay.handle });
      await one.publish(topic, batch(['a', 'b'], 0, 10));
      await until('both groups have all events', () => stock.distinct === 20 && pay.distinct === 20);
    },
  },
  {
    name: 'topics are separate',
    async body({ open, until }) {
      const bus = await open();
      const orders = seen();
      await bus.subscribe({ topic, group: 'g', handle: orders.handle });
      await bus.publish('other', [event('x', 0)]);
      await bus.publish(topic, [event('a', 0)]);
      await until('the event arrives', () => orders.ids.length > 0);
      assert.deepEqual([...new Set(orders.ids)], ['a/0']);
    },
  },
  {
    name: 'one group consumes two topics, in one process and in two',
    async body({ open, until }) {
      const [one, two] = [await open(), await open()];
      const group = seen();
      for (const bus of [one, two]) {
        await bus.subscribe({ topic, group: 'g', handle: group.handle });
        await bus.subscribe({ topic: 'returns', group: 'g', handle: group.handle });
      }
      const keys = keysOf(10);
      const others = keys.map((key) => `return-${key}`);
      await Promise.all([one.publish(topic, batch(keys, 0, 5)), two.publish('returns', batch(others, 0, 5))]);
      await until('the events of both topics arrive', () => group.distinct === 100);
      for (const key of [...keys, ...others]) assert.deepEqual(group.of(key), upTo(5), key);
    },
  },
  {
    name: 'G3: order per key, with many keys and several members',
    async body({ open, until, runtime }) {
      const [one, two] = [await open(), await open()];
      const keys = keysOf(20);
      const group = seen(async () => {
        for (let turns = Math.floor(runtime.random.next() * 4); turns > 0; turns--) await macrotask();
      });
      await one.subscribe({ topic, group: 'g', handle: group.handle });
      await one.publish(topic, batch(keys, 0, 10));
      await two.subscribe({ topic, group: 'g', handle: group.handle });
      await two.publish(topic, batch(keys, 10, 20));
      await until('all events arrive', () => group.distinct === 400);
      for (const key of keys) assert.deepEqual(group.of(key), upTo(20), key);
    },
  },
  {
    name: 'G3: a key that hangs does not hold up the others',
    async body({ open, until }) {
      const bus = await open();
      const stuck = Promise.withResolvers<void>();
      const group = seen((one) => (one.id === 'bad/0' ? stuck.promise : undefined));
      await bus.subscribe({ topic, group: 'g', handle: group.handle });
      await bus.publish(topic, batch(['bad'], 0, 1000));
      await bus.publish(topic, batch(['good'], 0, 10));
      await until('the good key is handled', () => group.of('good').length === 10);
      assert.deepEqual(group.of('bad'), []);
      stuck.resolve();
      await until('the bad key is handled', () => group.distinct === 1010);
      assert.deepEqual(group.of('bad'), upTo(1000));
    },
  },
  {
    name: 'G2: a rejected event is redelivered, before any later one of its key',
    async body({ open, until }) {
      const bus = await open();
      let tries = 0;
      const group = seen((one) => {
        if (one.id === 'a/1' && ++tries < 3) throw new Error('no database');
      });
      await bus.subscribe({ topic, group: 'g', handle: group.handle });
      await bus.publish(topic, batch(['a'], 0, 4));
      await until('all events arrive', () => group.distinct === 4);
      assert.equal(tries >= 3, true);
      assert.deepEqual(group.of('a'), upTo(4));
    },
  },
  {
    name: 'messages in structured and binary mode are events; a message that is not an event is handed over as unreadable, and the next event arrives',
    async body({ ground, open, until }) {
      const { send, headers } = ground;
      if (!send) return 'messages of other producers';
      const bus = await open();
      const group = seen();
      const unreadable: { readonly id: string; readonly text: string }[] = [];
      let tries = 0;
      await bus.subscribe({
        topic,
        group: 'g',
        handle: group.handle,
        async unreadable({ id, text, error }) {
          if (tries++ === 0) throw new Error('no database');
          assert.match(error.message, /not JSON/);
          unreadable.push({ id, text });
        },
      });
      const { data, ...attributes } = event('a', 0);
      const structured = { ...(headers && { headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8' } }) };
      await send(topic, { body: JSON.stringify(event('a', 0)), ...structured });
      await send(topic, { body: 'garbage', ...structured });
      if (headers) {
        const binary = Object.entries({ ...attributes, id: 'a/1' }).map(([name, value]) => [`ce_${name}`, String(value)]);
        await send(topic, { body: JSON.stringify(data), headers: Object.fromEntries(binary) });
      }
      await bus.publish(topic, [event('a', 2)]);
      await until('the events and the garbage are handed over', () => group.of('a').includes(2) && unreadable.length > 0);
      assert.deepEqual(group.of('a'), headers ? [0, 1, 2] : [0, 2]);
      assert.deepEqual([...new Set(unreadable.map(({ text }) => text))], ['garbage']);
      assert.equal(new Set(unreadable.map(({ id }) => id)).size, 1, 'a redelivered message has the same id');
    },
  },
  {
    name: 'a subscription that takes no unreadable messages passes over them, and the next event arrives',
    async body({ ground, open, until }) {
      if (!ground.send) return 'messages of other producers';
      const bus = await open();
      const group = seen();
      await bus.subscribe({ topic, group: 'g', handle: group.handle });
      await ground.send(topic, { body: 'garbage' });
      await bus.publish(topic, [event('a', 0)]);
      await until('the event arrives', () => group.ids.length > 0);
      assert.deepEqual(group.of('a'), [0]);
    },
  },
  {
    name: 'a wrong option of a subscription is refused',
    async body({ open }) {
      const bus = await open();
      const { handle } = seen();
      await assert.rejects(bus.subscribe({ topic, group: '', handle }), SubscribeInvalid);
      await assert.rejects(bus.subscribe({ topic, group: 'g', handle, concurrency: 0 }), /concurrency/);
    },
  },
];
