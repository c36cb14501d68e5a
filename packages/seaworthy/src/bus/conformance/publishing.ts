import assert from 'node:assert/strict';
import { BusClosed, EnvelopeInvalid, EventsRefused } from '../errors.ts';
import { batch, event, keysOf, type Promised, seen, topic, upTo } from './ground.ts';

/** The process dies at the given step of a publish, counted from 1; 0 counts the steps. */
const dying = (at: number, steps: { count: number }) => ({
  reached(point: string) {
    if (!point.startsWith('bus/append/')) return;
    if (++steps.count === at) throw new Error(`it dies at ${point}`);
  },
});

export const publishing: readonly Promised[] = [
  {
    name: 'G2, G3: a publish that is torn at any of its steps and repeated loses nothing and keeps the order of each key',
    async body({ open, until }) {
      const keys = keysOf(6);
      const counted = { count: 0 };
      const counting = await open(dying(0, counted));
      const group = seen();
      await counting.subscribe({ topic, group: 'g', handle: group.handle });
      await counting.publish(topic, batch(keys, 0, 5));
      assert.ok(counted.count > 0, 'the driver names its steps by `reached`');
      for (let step = 1; step <= counted.count; step++) {
        const some = batch(keys, step * 5, step * 5 + 5);
        await assert.rejects((await open(dying(step, { count: 0 }))).publish(topic, some), /it dies/);
        await (await open()).publish(topic, some);
      }
      const each = 5 * (counted.count + 1);
      await until('all events arrive', () => group.distinct === each * keys.length);
      for (const key of keys) assert.deepEqual(group.of(key), upTo(each), key);
    },
  },
  {
    name: 'an event larger than the engine takes is refused by name, and nothing is published with it',
    async body({ open, until }) {
      const bus = await open();
      const { maxBytes } = bus.features;
      if (!Number.isFinite(maxBytes)) return 'a largest event';
      const group = seen();
      await bus.subscribe({ topic, group: 'g', handle: group.handle });
      const large = event('a', 1, 'x'.repeat(maxBytes));
      await assert.rejects(bus.publish(topic, [event('a', 0), large]), (error: unknown) => {
        assert.ok(error instanceof EventsRefused);
        assert.deepEqual(error.ids, ['a/1']);
        assert.match(error.message, new RegExp(`orders\\.placed a/1 has \\d+ bytes.*${maxBytes}`));
        return true;
      });
      const room = maxBytes - Buffer.byteLength(JSON.stringify(event('a', 2, '')));
      await bus.publish(topic, [event('a', 2, 'x'.repeat(room))]);
      await until('the largest event arrives', () => group.ids.length > 0);
      assert.deepEqual(group.of('a'), [2]);
    },
  },
  {
    name: 'a value that is not an event is refused before anything is published',
    async body({ open, until }) {
      const bus = await open();
      const group = seen();
      await bus.subscribe({ topic, group: 'g', handle: group.handle });
      await assert.rejects(bus.publish(topic, [event('a', 0), { ...event('a', 1), partitionkey: '' }]), EnvelopeInvalid);
      await bus.publish(topic, [event('a', 2)]);
      await until('the event arrives', () => group.ids.length > 0);
      assert.deepEqual(group.of('a'), [2]);
    },
  },
  {
    name: 'a published event is a copy: a later change to it reaches no subscriber',
    async body({ open, until }) {
      const bus = await open();
      let got: unknown;
      const group = seen((one) => {
        got = one.data;
      });
      await bus.subscribe({ topic, group: 'g', handle: group.handle });
      const sent = event('a', 0);
      await bus.publish(topic, [sent]);
      (sent.data as { n: number }).n = 99;
      await until('the event arrives', () => group.ids.length > 0);
      assert.deepEqual(got, { key: 'a', n: 0 });
    },
  },
  {
    name: 'a closed bus refuses everything',
    async body({ open }) {
      const bus = await open();
      await bus.close();
      const topology = { topics: [topic], groups: [] };
      const refused = [
        bus.publish(topic, [event('a', 0)]),
        bus.subscribe({ topic, group: 'g', handle: seen().handle }),
        bus.plan(topology),
        bus.apply(topology),
        bus.verify(topology),
        bus.pending(topic, 'g', []),
      ];
      for (const one of refused) await assert.rejects(one, BusClosed);
    },
  },
];
