import assert from 'node:assert/strict';
import type { Bus } from '../../bus/bus.ts';
import type { Envelope } from '../../bus/envelope.ts';
import { lossy, unstorableTexts } from '../../contract/conformance/lossy.ts';
import { sleep } from '../../core/sleep.ts';
import { type Meta, type Subscription, subscription } from '../attempt.ts';
import { deadLetters } from '../dead-letters.ts';
import { EventInvalid, SubscriptionInvalid } from '../errors.ts';
import { collector } from '../outbox.ts';
import { count, effect, effects, numbers, orders, type Placed, type Process, type World } from './world.ts';

type Handler = (data: Placed, meta: Meta, tx: unknown) => unknown;

/** Starts a subscriber whose handler runs `before` and then records its effect. */
export async function subscriber(
  world: World,
  before: Handler = () => {},
  options: Parameters<World['start']>[1] = {},
  event: Subscription<unknown>['event'] = orders.placed,
): Promise<Process> {
  const handle = async (tx: unknown, data: Placed, meta: Meta): Promise<void> => {
    await before(data, meta, tx);
    await effect(tx, data, world.runtime);
  };
  return world.start('stock', { subscriptions: [subscription(event as typeof orders.placed, handle)], ...options });
}

/** Makes an event of the key `a` that another producer published. */
const foreign = (n: number, data: unknown): Envelope => ({
  specversion: '1.0',
  id: `event ${n}`,
  source: '/orders',
  type: 'orders.placed',
  partitionkey: 'a',
  time: '2026-01-01T00:00:00Z',
  datacontenttype: 'application/json',
  data,
});

/** Makes a bus that delivers each event twice at one time, and then redelivers all earlier events, the newest first. */
function repeating(bus: Bus): Bus {
  return {
    ...bus,
    subscribe(options) {
      const seen: Envelope[] = [];
      return bus.subscribe({
        ...options,
        async handle(envelope, delivery) {
          seen.push(envelope);
          await Promise.all([envelope, envelope].map((one) => options.handle(one, delivery)));
          for (const old of seen.toReversed()) await options.handle(old, delivery);
        },
      });
    },
  };
}

export const handling: readonly { readonly name: string; readonly body: (world: World) => Promise<void> }[] = [
  {
    name: 'G2, G3: events that come twice at once, or again and out of order, have their effects once and in order',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(world, undefined, { bus: repeating });
      for (let n = 0; n < 8; n++) for (const line of ['a', 'b']) await world.run(sender.place(line, n));
      await world.until('all have their effects', async () => (await effects(receiver.store)).length >= 16);
      await world.time.pass(2000);
      for (const line of ['a', 'b']) assert.deepEqual(await numbers(receiver.store, line), [0, 1, 2, 3, 4, 5, 6, 7]);
      assert.equal(await count(receiver.store, 'sw_outbox'), 16);
    },
  },
  {
    name: 'a change that a handler makes to its data is seen by no other run and no other attempt',
    async body(world) {
      let runs = 0;
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(world, (data) => {
        if (runs++ > 0) return;
        (data as { n: number }).n = 99;
        throw new Error('once');
      });
      await world.run(sender.place('a', 1));
      await world.until('it has its effect', async () => (await effects(receiver.store)).length === 1);
      assert.deepEqual(await numbers(receiver.store, 'a'), [1]);
    },
  },
  {
    name: 'an event of a type without a subscription is acknowledged, and events of other types go on in order',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(world);
      await world.run(sender.place('a', 1, 'cancelled'));
      await world.run(sender.place('a', 2));
      await world.until('the known one has its effect', async () => (await effects(receiver.store)).length === 1);
      assert.deepEqual(await numbers(receiver.store, 'a'), [2]);
      assert.equal(await count(receiver.store, 'sw_inbox'), 1);
    },
  },
  {
    name: 'the function that a handler returns is called once, after the commit, and not for a repeat or a failure',
    async body(world) {
      const seen: string[] = [];
      const sender = await world.start('orders', { relay: true });
      let runs = 0;
      const receiver = await world.start('stock', {
        bus: repeating,
        consumer: { retry: { base: '10ms' } },
        subscriptions: [
          subscription(orders.placed, async (tx: unknown, data: Placed) => {
            if (data.order === 'fails' && runs++ === 0) throw new Error('the first time');
            await (tx as { run: (sql: string, ...values: unknown[]) => Promise<unknown> }).run(
              'insert into effect (line, n) values (?, ?)',
              data.order,
              data.n,
            );
            return () => void seen.push(data.order);
          }),
        ],
      });
      const lines = ['fails', ...Array.from({ length: 20 }, (_, n) => `works ${n}`)];
      await world.run(Promise.all(lines.map((line) => sender.place(line, 7))));
      await world.until('all were called', async () => new Set(seen).size === lines.length);
      await world.time.pass(1000);
      assert.deepEqual(seen.toSorted(), lines.toSorted());
      assert.equal((await effects(receiver.store)).length, lines.length);
    },
  },
  {
    name: 'a conflict of the store is not an attempt',
    async body(world) {
      const attempts: number[] = [];
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(world, (_data, meta) => void attempts.push(meta.attempt), { consumer: { retry: { attempts: 1 } } });
      // All keys are handled at one time, and their handlers read and write the same tables, so an optimistic store reruns most of them.
      await world.run(Promise.all(Array.from({ length: 20 }, (_, n) => sender.place(`line ${n}`, n))));
      await world.until('all have their effects', async () => (await effects(receiver.store)).length === 20);
      assert.deepEqual([...new Set(attempts)], [1]);
      assert.equal(await count(receiver.store, 'sw_dead_letter'), 0);
    },
  },
  {
    name: 'G5: the time to wait for the database, before the first run or another, is not part of the timeout of a handler',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(
        world,
        async ({ order }) => {
          if (order.startsWith('slow')) await sleep(world.time.clock, 40);
          if (order.startsWith('hangs')) await new Promise(() => {});
        },
        { consumer: { timeout: '500ms', retry: { attempts: 1 } } },
      );
      const lines = Array.from({ length: 4 }, (_, n) => ['quick', 'slow', 'other', 'slower', 'hangs'].map((kind) => `${kind} ${n}`)).flat();
      await world.run(
        sender.crashable.transaction(async (tx) => {
          const events = collector(orders, sender.runtime);
          for (const order of lines) events.publish('placed', { order, n: 1 });
          await events.write(tx);
        }),
      );
      await world.until('those that hang are dead', async () => (await count(receiver.store, 'sw_dead_letter')) >= 4);
      await world.until('all others have their effects', async () => (await effects(receiver.store)).length >= 16);
      const dead = await deadLetters(receiver.store, receiver.runtime).list();
      assert.deepEqual(dead.map(({ key }) => key).toSorted(), lines.filter((one) => one.startsWith('hangs')).toSorted());
    },
  },
  {
    name: 'G5: poison goes to the dead letters at once, with its issues; edited and redriven it has its effect',
    async body(world) {
      const { bus } = await world.start('anybody');
      const receiver = await subscriber(world);
      await world.run(
        bus.publish('orders', [foreign(1, { order: 'a', n: 1 }), foreign(2, { order: 'a', n: 'two' }), foreign(3, { order: 'a', n: 3 })]),
      );
      await world.until('the others have their effects', async () => (await effects(receiver.store)).length === 2);
      const dead = deadLetters(receiver.store, receiver.runtime);
      const letter = await dead.show('event 2');
      assert.deepEqual(
        [letter.reason, letter.type, letter.key, letter.consumer, letter.attempts],
        ['poison', 'orders.placed', 'a', 'stock', 1],
      );
      assert.deepEqual(letter.history[0]?.error.issues, [{ path: 'n', message: 'must be an integer' }]);
      // The edited event is still poison, so it becomes a dead letter again.
      assert.equal(await world.run(dead.redrive({ ids: ['event 2'] })), 1);
      await world.until('it is back', async () => (await dead.list()).length === 1);
      for (const [value] of Object.values({ ...lossy, ...unstorableTexts }))
        await assert.rejects(dead.edit('event 2', { order: 'a', n: value }), (error: unknown) => error instanceof EventInvalid);
      await world.run(dead.edit('event 2', { order: 'a', n: 2 }));
      assert.equal(await world.run(dead.redrive({ type: 'orders.placed', reason: 'poison' })), 1);
      await world.until('it has its effect', async () => (await effects(receiver.store)).length === 3);
      assert.deepEqual(await numbers(receiver.store, 'a'), [1, 3, 2]);
      assert.equal(await count(receiver.store, 'sw_dead_letter'), 0);
    },
  },
  {
    name: 'G14: an event of another producer with a text that not every database keeps is poison, and its place is named',
    async body(world) {
      const { bus } = await world.start('anybody');
      const receiver = await subscriber(world);
      const dead = deadLetters(receiver.store, receiver.runtime);
      await world.run(bus.publish('orders', [foreign(1, { order: 'a\0b', n: 1 })]));
      await world.until('it is dead', async () => (await dead.list()).length === 1);
      const letter = await dead.show('event 1');
      assert.deepEqual([letter.reason, letter.attempts], ['poison', 1]);
      assert.deepEqual(
        letter.history[0]?.error.issues?.map(({ path }) => path),
        ['order'],
      );
    },
  },
  {
    name: 'G10: an event whose notAfter has passed goes to the dead letters unhandled',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      await world.run(sender.place('a', 1, 'offered'));
      await world.until('it is on its way', async () => (await count(sender.store, 'sw_outbox')) === 0);
      for (let minute = 0; minute < 62; minute++) await world.time.pass(1000);
      await world.run(sender.place('a', 2, 'offered'));
      const receiver = await subscriber(world, undefined, {}, orders.offered);
      await world.until('the fresh one has its effect', async () => (await effects(receiver.store)).length === 1);
      assert.deepEqual(await numbers(receiver.store, 'a'), [2]);
      const [letter] = await deadLetters(receiver.store, receiver.runtime).list();
      assert.deepEqual([letter?.reason, letter?.attempts], ['expired', 1]);
    },
  },
  {
    name: 'marks are kept for the configured time, and then forgotten',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(world, undefined, { consumer: { inboxRetention: '1m' } });
      await world.run(sender.place('a', 1));
      await world.until('it is marked', async () => (await count(receiver.store, 'sw_inbox')) === 1);
      const since = world.time.clock.monotonic();
      await world.until('it is forgotten', async () => (await count(receiver.store, 'sw_inbox')) === 0);
      assert.ok(world.time.clock.monotonic() - since >= 60_000 - 100);
    },
  },
  {
    name: 'two subscriptions for one event are refused by name',
    async body(world) {
      const one = subscription(orders.placed, () => {});
      await assert.rejects(
        world.start('stock', { subscriptions: [one, one] }),
        (error: unknown) => error instanceof SubscriptionInvalid && /orders\.placed/.test(error.message),
      );
    },
  },
];
