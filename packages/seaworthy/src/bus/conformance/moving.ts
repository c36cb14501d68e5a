import assert from 'node:assert/strict';
import { sleep } from '../../core/sleep.ts';
import type { Handle, Subscription } from '../bus.ts';
import { batch, event, keysOf, type Promised, seen, topic, upTo } from './ground.ts';

/** Notes when each event begins and ends, over all members, and what breaks the order of its key. */
function strict(work: () => Promise<void>) {
  const running = new Map<string, number>();
  const ended = new Map<string, Set<number>>();
  const faults: string[] = [];
  let distinct = 0;
  const handle: Handle = async ({ id, partitionkey: key }, { signal }) => {
    const n = Number(id.split('/')[1]);
    const done = ended.get(key) ?? new Set<number>();
    ended.set(key, done);
    const before = running.get(key);
    if (before !== undefined) faults.push(`${id} begins while ${key}/${before} runs`);
    const missing = upTo(n).find((earlier) => !done.has(earlier));
    if (missing !== undefined) faults.push(`${id} begins before ${key}/${missing} has ended`);
    running.set(key, n);
    try {
      await work();
      signal.throwIfAborted();
      if (!done.has(n)) distinct++;
      done.add(n);
    } finally {
      running.delete(key);
    }
  };
  return {
    handle,
    faults,
    get distinct() {
      return distinct;
    },
  };
}

/** Members of a group that come, go and die. */
export const moving: readonly Promised[] = [
  {
    name: 'members of a group share its events: each of two gets some',
    async body({ open, until }) {
      const [one, two] = [await open(), await open()];
      const [first, second] = [seen(), seen()];
      await one.subscribe({ topic, group: 'g', handle: first.handle });
      await two.subscribe({ topic, group: 'g', handle: second.handle });
      const keys = keysOf(32);
      let n = 0;
      let publishing: Promise<void> | undefined;
      const both = (): boolean => {
        publishing ??= one.publish(topic, batch(keys, n, ++n)).finally(() => {
          publishing = undefined;
        });
        return first.ids.length > 0 && second.ids.length > 0;
      };
      await until('both members have events', both);
      await publishing;
      await until('all events arrive', () => new Set([...first.ids, ...second.ids]).size === n * keys.length);
    },
  },
  {
    name: 'G3: while members join and leave under load, no event begins before every earlier one of its key has ended',
    async body({ open, until, runtime }) {
      const { clock, random } = runtime;
      const group = strict(() => sleep(clock, Math.floor(random.next() * 25)));
      const subscription = { topic, group: 'g', handle: group.handle, concurrency: 16 };
      const publisher = await open();
      await publisher.apply({ topics: [topic], groups: [{ topic, group: 'g' }] });
      const keys = keysOf(12);
      const rounds = 16;
      // Opened before, so that a member joins at the very moment at which another one leaves.
      const buses = await Promise.all(upTo(rounds).map(() => open()));
      const members: Subscription[] = [];
      for (const [round, bus] of buses.entries()) {
        await publisher.publish(topic, batch(keys, round * 5, round * 5 + 5));
        // Every third one is cut short.
        const leaving = members.length > 2 ? members.shift() : undefined;
        const left = leaving?.close(round % 3 === 0 ? AbortSignal.abort(new Error('down')) : undefined);
        members.push(await bus.subscribe(subscription));
        await left;
        await sleep(clock, 10);
      }
      await until('all events are handled', () => group.distinct === rounds * 5 * keys.length || group.faults.length > 0);
      assert.deepEqual(group.faults, []);
    },
  },
  {
    name: 'G2: twenty-five orderly restarts over a backlog lose nothing and keep the order',
    async body({ open, until, runtime }) {
      const { clock, random } = runtime;
      const group = strict(() => sleep(clock, Math.floor(random.next() * 3)));
      const subscription = { topic, group: 'g', handle: group.handle, concurrency: 4 };
      const publisher = await open();
      await publisher.apply({ topics: [topic], groups: [{ topic, group: 'g' }] });
      const keys = keysOf(8);
      await publisher.publish(topic, batch(keys, 0, 50));
      for (let restart = 0; restart < 25; restart++) {
        const bus = await open();
        const member = await bus.subscribe(subscription);
        const enough = Math.min(400, group.distinct + 4);
        await until('a restarted member goes on', () => group.distinct >= enough || group.faults.length > 0);
        await member.close();
        await bus.close();
      }
      await (await open()).subscribe(subscription);
      await until('all events are handled', () => group.distinct === 400 || group.faults.length > 0);
      assert.deepEqual(group.faults, []);
    },
  },
  {
    name: 'G2, G3: when the process of a member is killed, another gets the rest, in order',
    async body({ member, open, until }) {
      if (!member) return 'members in processes of their own';
      const bus = await open();
      const ids: string[] = [];
      const members = await Promise.all([0, 1].map(() => member(topic, 'g', (id) => ids.push(id))));
      const keys = keysOf(8);
      await bus.publish(topic, batch(keys, 0, 20));
      await until('the members are at work', () => ids.length > 40);
      await members[0]?.kill();
      await bus.publish(topic, batch(keys, 20, 40));
      await until('all events arrive', () => new Set(ids).size === 320);
      await members[1]?.kill();
      for (const key of keys) {
        const first = [...new Set(ids.filter((id) => id.startsWith(`${key}/`)))].map((id) => Number(id.split('/')[1]));
        assert.deepEqual(first, upTo(40), key);
      }
    },
  },
  {
    name: 'G2, G3: after a restart of the engine, publishing and handling go on, in order',
    async body({ ground, open, until, runtime }) {
      const { restart } = ground;
      if (!restart) return 'an engine that restarts';
      const [one, two] = [await open(), await open()];
      const group = seen(() => sleep(runtime.clock, 1));
      const keys = keysOf(8);
      for (const bus of [one, two]) await bus.subscribe({ topic, group: 'g', handle: group.handle });
      await one.publish(topic, batch(keys, 0, 10));
      await until('the members are at work', () => group.distinct > 0);
      const later = batch(keys, 10, 20);
      let state: 'idle' | 'trying' | 'published' = 'idle';
      const attempt = async (): Promise<void> => {
        state = 'trying';
        state = await one.publish(topic, later).then(
          () => 'published' as const,
          () => 'idle' as const,
        );
      };
      const restarted = restart();
      await until('publishing works again', () => {
        if (state === 'idle') void attempt();
        return state === 'published';
      });
      await restarted;
      await until('all events arrive', () => group.distinct === 160);
      for (const key of keys) assert.deepEqual(group.of(key), upTo(20), key);
    },
  },
  {
    name: 'G13: a close waits for the events in flight and hands out nothing new; the rest goes to another member',
    async body({ open, until }) {
      const [one, two] = [await open(), await open()];
      const gate = Promise.withResolvers<void>();
      let begun = 0;
      const first = seen(() => {
        begun++;
        return gate.promise;
      });
      const leaving = await one.subscribe({ topic, group: 'g', handle: first.handle, concurrency: 2 });
      await one.publish(topic, batch(['a', 'b', 'c'], 0, 2));
      await until('two events begin', () => begun === 2);
      const closed = leaving.close();
      gate.resolve();
      await closed;
      assert.equal(first.ids.length, 2);
      const second = seen();
      await two.subscribe({ topic, group: 'g', handle: second.handle });
      await until('the rest arrives', () => new Set([...first.ids, ...second.ids]).size === 6);
    },
  },
  {
    name: 'G13: events that a close cuts short are aborted and redelivered',
    async body({ open, until }) {
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
      await until('the event begins', () => begun);
      await leaving.close(AbortSignal.abort(new Error('down')));
      assert.equal(aborted, true);
      const second = seen();
      await two.subscribe({ topic, group: 'g', handle: second.handle });
      await until('the event arrives again', () => second.ids.includes('a/0'));
    },
  },
  {
    name: 'a member that comes back does not get its events a second time (moleculer#1363)',
    async body({ open, until }) {
      const bus = await open();
      const [first, second] = [seen(), seen()];
      const leaving = await bus.subscribe({ topic, group: 'g', handle: first.handle });
      await bus.publish(topic, batch(['a'], 0, 5));
      await until('the first five arrive', () => first.distinct === 5);
      await leaving.close();
      await bus.subscribe({ topic, group: 'g', handle: second.handle });
      await bus.publish(topic, batch(['a'], 5, 10));
      await until('the next five arrive', () => second.distinct === 5);
      assert.deepEqual(second.of('a'), [5, 6, 7, 8, 9]);
    },
  },
];
