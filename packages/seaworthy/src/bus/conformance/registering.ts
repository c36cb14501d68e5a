import assert from 'node:assert/strict';
import { TopologyMissing } from '../errors.ts';
import { batch, type Promised, seen, topic, upTo } from './ground.ts';

const group = 'late';
const topology = { topics: [topic], groups: [{ topic, group }] };

export const registering: readonly Promised[] = [
  {
    name: 'a registered group gets what is published before its first member comes',
    async body({ open, until }) {
      const bus = await open();
      await bus.apply(topology);
      await bus.publish(topic, batch(['a'], 0, 5));
      // Another process registers it once more.
      await (await open()).apply(topology);
      const late = seen();
      await bus.subscribe({ topic, group, handle: late.handle });
      await until('all events arrive', () => late.distinct === 5);
      assert.deepEqual(late.of('a'), upTo(5));
    },
  },
  {
    name: 'a new group begins at the earliest event kept',
    async body({ open, until }) {
      const bus = await open();
      if (bus.features.keeps !== 'log') return 'a log';
      await bus.publish(topic, batch(['a'], 0, 5));
      const late = seen();
      await bus.subscribe({ topic, group, handle: late.handle });
      await until('all events arrive', () => late.distinct === 5);
      assert.deepEqual(late.of('a'), upTo(5));
    },
  },
  {
    name: 'a new group gets what is published since its registration, and nothing from before',
    async body({ open, until }) {
      const bus = await open();
      if (bus.features.keeps !== 'queues') return 'queues';
      await bus.publish(topic, batch(['a'], 0, 5));
      const late = seen();
      await bus.subscribe({ topic, group, handle: late.handle });
      await bus.publish(topic, batch(['a'], 5, 10));
      await until('the later events arrive', () => late.distinct === 5);
      assert.deepEqual(late.of('a'), [5, 6, 7, 8, 9]);
    },
  },
  {
    name: 'a topology is planned, applied once and verified; what is missing is named',
    async body({ open }) {
      const bus = await open();
      const planned = await bus.plan(topology);
      assert.match(planned.join('\n'), /register the group late on orders/);
      await assert.rejects(bus.verify(topology), (error: unknown) => {
        assert.ok(error instanceof TopologyMissing);
        assert.deepEqual(error.differences, planned);
        return true;
      });
      assert.deepEqual(await bus.plan(topology), planned, 'plan and verify change nothing');
      assert.deepEqual(await bus.apply(topology), planned);
      assert.deepEqual([await bus.plan(topology), await bus.apply(topology)], [[], []]);
      await bus.verify(topology);
    },
  },
];
