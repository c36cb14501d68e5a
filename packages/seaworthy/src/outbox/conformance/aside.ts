import assert from 'node:assert/strict';
import type { Bus, SubscribeOptions } from '../../bus/bus.ts';
import { EnvelopeInvalid } from '../../bus/errors.ts';
import { sleep } from '../../core/sleep.ts';
import { processLife } from '../../testing/process-life.ts';
import { type Meta, subscription } from '../attempt.ts';
import { deadLetters } from '../dead-letters.ts';
import { collector } from '../outbox.ts';
import { subscriber } from './handling.ts';
import { count, effect, effects, numbers, orders, type Placed, type Process, type World } from './world.ts';

/** Marks every delivery as one that may have been in flight when a member died. */
const orphaning = (bus: Bus): Bus => ({
  ...bus,
  subscribe: (options) =>
    bus.subscribe({ ...options, handle: (envelope, delivered) => options.handle(envelope, { ...delivered, orphaned: true }) }),
});

/** Restarts a process until it survives. Returns the process and the number of its deaths. */
async function outlived(
  world: World,
  dies: (data: Placed, meta: Meta) => boolean,
): Promise<{ readonly process: Process; readonly deaths: number }> {
  for (let deaths = 0; ; deaths++) {
    const life = processLife({ name: 'receiver', clock: world.time.clock });
    const before = async (data: Placed, meta: Meta): Promise<void> => {
      if (dies(data, meta)) life.die('the event');
      await sleep(world.time.clock, 5);
    };
    const consumer = { crashes: 3, retry: { attempts: 50, base: '10ms', cap: '10ms' } } as const;
    const process = await subscriber(world, before, { life, consumer, ...(deaths > 0 && { bus: orphaning }) });
    const settled = async (): Promise<boolean> => life.dead.aborted || (await count(process.store, 'sw_dead_letter')) > 0;
    await world.until('the process dies, or sets the event aside', settled);
    if (!life.dead.aborted) return { process, deaths };
    assert.ok(deaths < 10, 'the process dies forever');
    await world.run(process.kill());
  }
}

async function takenUp(world: World, process: Process, good: number): Promise<void> {
  await world.until('the other events have their effects', async () => (await effects(process.store)).length === good);
  const dead = deadLetters(process.store, process.runtime);
  const letters = await dead.list();
  assert.deepEqual(
    letters.map(({ key, reason }) => [key, reason]),
    [['bad', 'crashed']],
  );
  assert.match(letters[0]?.error ?? '', /3 processes died/);
}

export const aside: readonly { readonly name: string; readonly body: (world: World) => Promise<void> }[] = [
  {
    name: 'an event that kills its process becomes a dead letter after some deaths, and can succeed after a redrive; the events beside it are handled',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      for (const order of ['one', 'bad', 'two', 'three']) await world.run(sender.place(order, 1));
      let healed = false;
      const { process, deaths } = await outlived(world, ({ order }) => order === 'bad' && !healed);
      assert.equal(deaths, 3);
      await takenUp(world, process, 3);
      await world.until('nothing is under suspicion', async () => (await count(process.store, 'sw_suspect')) <= 1);
      healed = true;
      await world.run(deadLetters(process.store, process.runtime).redrive({ reason: 'crashed' }));
      await world.until('it has its effect', async () => (await numbers(process.store, 'bad')).length === 1);
    },
  },
  {
    name: 'a parked event that kills its process becomes a dead letter after some deaths; the parked events beside it are handled',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      for (const order of ['one', 'bad', 'two', 'three']) await world.run(sender.place(order, 1));
      const first = await subscriber(world, () => {
        throw new Error('down');
      });
      await world.until('all are parked', async () => (await count(first.store, 'sw_parked')) === 4);
      await world.run(first.close());
      const { process, deaths } = await outlived(world, ({ order }) => order === 'bad');
      assert.equal(deaths, 3);
      await takenUp(world, process, 3);
    },
  },
  {
    name: 'an event that only another process subscribes to, or did until recently, is kept for it in the order of its key; one without a subscriber for long becomes a dead letter, and later ones are passed over',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      const handle = (tx: unknown, data: Placed): Promise<void> => effect(tx, data, world.runtime);
      const consumer = { unhandledAfter: '15s' } as const;
      const placed = subscription(orders.placed, handle);
      const cancelled = subscription(orders.cancelled, handle);
      // The process with the old code is the only member of the group, so it receives every delivery.
      const old = await world.start('stock', { subscriptions: [placed], consumer });
      const begin = (): Promise<Process> =>
        world.start('stock', {
          subscriptions: [placed, cancelled],
          consumer,
          bus: (bus) => ({ ...bus, subscribe: async () => ({ close: async () => {} }) }),
        });
      let next = await begin();
      for (const [n, name] of [
        [1, 'cancelled'],
        [2, 'placed'],
        [3, 'cancelled'],
      ] as const)
        for (const line of ['a', 'b', 'c']) await world.run(sender.place(line, n, name));
      await world.until('all have their effects', async () => (await effects(old.store)).length === 9);
      for (const line of ['a', 'b', 'c']) assert.deepEqual(await numbers(old.store, line), [1, 2, 3]);
      // The process with the new code stops, first in order and then by a crash, and starts again.
      for (const n of [4, 6]) {
        await world.run(n === 4 ? next.close() : next.kill());
        await world.time.pass(5000);
        await world.run(sender.place('a', n, 'cancelled'));
        await world.run(sender.place('a', n + 1));
        await world.until('both wait', async () => (await count(old.store, 'sw_parked')) === 2);
        next = await begin();
        await world.until('both have their effects', async () => (await numbers(old.store, 'a')).length === n + 1);
      }
      assert.deepEqual(await numbers(old.store, 'a'), [1, 2, 3, 4, 5, 6, 7]);
      // Events that a living process subscribes to are kept for that process.
      await world.run(next.close());
      const other = await world.start('stock');
      const row = "insert into sw_subscription (consumer, type, owner) values ('stock', 'orders.cancelled', ?)";
      await world.run(other.store.transaction((tx) => tx.run(row, other.worker.id)));
      await world.run(sender.place('a', 8, 'cancelled'));
      await world.run(sender.place('a', 9));
      await world.until('both wait', async () => (await count(old.store, 'sw_parked')) === 2);
      for (let second = 0; second < 40; second++) await world.time.pass(1000);
      assert.equal(await count(old.store, 'sw_parked'), 2);
      await world.run(other.close());
      await world.until('those behind it go on', async () => (await numbers(old.store, 'a')).includes(9));
      await world.time.pass(500);
      await world.run(sender.place('a', 10, 'cancelled'));
      await world.run(sender.place('a', 11));
      await world.until('what nobody knows any more is passed over', async () => (await numbers(old.store, 'a')).includes(11));
      const letters = await deadLetters(old.store, old.runtime).list();
      assert.deepEqual(
        letters.map(({ reason, attempts }) => [reason, attempts]),
        [['unhandled', 0]],
      );
    },
  },
  {
    name: 'rows that are not events are logged and kept; the others go on, and a parked one can be edited and redriven',
    async body(world) {
      let down = true;
      const sender = await world.start('orders');
      const before = (): void => {
        if (down) throw new Error('down');
      };
      const consumer = { retry: { attempts: 1000, base: '100ms', cap: '100ms' } } as const;
      const receiver = await subscriber(world, before, { consumer });
      await world.run(sender.place('a', 1));
      await world.run(
        sender.store.transaction(async (tx) => {
          for (const content of ['{oops', '{"id": "no event"}', '7'])
            await tx.run('insert into sw_outbox (at, envelope) values (?, ?)', 0, content);
        }),
      );
      for (const line of ['b', 'c']) await world.run(sender.place(line, 1));
      const relaying = await world.start('orders', { relay: true });
      await world.until('the others are sent, and parked', async () => (await count(receiver.store, 'sw_parked')) === 3);
      const kept = await relaying.store.read.all('select origin, content from sw_set_aside order by number');
      assert.deepEqual(
        kept.map((row) => [row['origin'], row['content']]),
        ['{oops', '{"id": "no event"}', '7'].map((content) => ['sw_outbox', content]),
      );
      await world.run(receiver.close());
      const broken = "update sw_parked set envelope = '{oops', history = 'none' where ordering_key = 'a'";
      await world.run(relaying.store.transaction(async () => {}));
      const editor = await world.start('stock');
      await world.run(editor.store.transaction((tx) => tx.run(broken)));
      await world.run(editor.close());
      down = false;
      const again = await subscriber(world, before, { consumer });
      await world.until('the others have their effects', async () => (await effects(again.store)).length === 2);
      const dead = deadLetters(again.store, again.runtime);
      const [letter] = await dead.list();
      assert.deepEqual([letter?.key, letter?.reason], ['a', 'unreadable']);
      const shown = await dead.show(letter?.id as string);
      assert.deepEqual([shown.envelope, shown.text, shown.history], [undefined, '{oops', []]);
      await world.run(dead.edit(letter?.id as string, { order: 'a', n: 9 }));
      await world.run(dead.redrive({}));
      await world.until('it has its effect', async () => (await numbers(again.store, 'a')).length === 1);
      assert.deepEqual(await numbers(again.store, 'a'), [9]);
    },
  },
  {
    name: 'a message that is not an event becomes one dead letter, however often it is delivered, and events go on',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      let given: SubscribeOptions | undefined;
      const watched = (bus: Bus): Bus => ({
        ...bus,
        subscribe(options) {
          given = options;
          return bus.subscribe(options);
        },
      });
      const receiver = await subscriber(world, () => {}, { bus: watched });
      const message = { id: 'orders@7', key: 'a', text: 'gar\0bage', error: new EnvelopeInvalid('the event is not JSON') };
      const delivered = { signal: new AbortController().signal, position: '7' };
      for (let copy = 0; copy < 2; copy++) {
        await world.run(given?.unreadable?.(message, delivered) ?? Promise.reject(new Error('the consumer takes no such messages')));
        assert.equal(await count(receiver.store, 'sw_dead_letter'), 1);
      }
      await world.run(sender.place('a', 1));
      await world.until('the event behind it is handled', async () => (await numbers(receiver.store, 'a')).length === 1);
      const dead = deadLetters(receiver.store, receiver.runtime);
      const letters = await dead.list();
      assert.deepEqual(
        letters.map(({ id, key, reason, error }) => [id, key, reason, error]),
        [['orders@7', 'a', 'unreadable', 'EnvelopeInvalid: the event is not JSON']],
      );
      assert.equal((await dead.show('orders@7')).text, 'gar\ufffdbage');
    },
  },
  {
    name: 'the relay publishes at most 4 MiB at one time, and a larger event alone',
    async body(world) {
      const batches: number[] = [];
      const sender = await world.start('orders');
      const large = (n: number, size: number) => ({ order: 'a', n, text: 'x'.repeat(size) }) as Placed;
      await world.run(
        sender.crashable.transaction(async (tx) => {
          const events = collector(orders, sender.runtime);
          for (let n = 0; n < 9; n++) events.publish('placed', large(n, n === 4 ? 5_000_000 : 1_000_000));
          await events.write(tx);
        }),
      );
      const publish = (bus: Bus): Bus => ({
        ...bus,
        async publish(topic, envelopes) {
          batches.push(envelopes.length);
          await bus.publish(topic, envelopes);
        },
      });
      await world.start('orders', { relay: true, bus: publish });
      await world.until('all are sent', async () => (await count(sender.store, 'sw_outbox')) === 0);
      assert.deepEqual(batches, [4, 1, 4]);
    },
  },
];
