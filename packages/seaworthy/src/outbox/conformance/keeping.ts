import assert from 'node:assert/strict';
import type { Bus } from '../../bus/bus.ts';
import type { Envelope } from '../../bus/envelope.ts';
import { sleep } from '../../core/sleep.ts';
import type { Store } from '../../store/store.ts';
import { deadLetters } from '../dead-letters.ts';
import { subscriber } from './handling.ts';
import { count, effects, numbers, orders, type Process, type World } from './world.ts';

const minutes = async (world: World, many: number): Promise<void> => {
  for (let second = 0; second < 60 * many; second += 5) await world.time.pass(5000);
};

const event = (n: number, data: unknown): Envelope => ({
  ...({ specversion: '1.0', id: `event ${n}`, source: '/orders', type: 'orders.placed', partitionkey: 'a' } as const),
  ...({ time: '2026-01-01T00:00:00Z', datacontenttype: 'application/json' } as const),
  data,
});

/** Wraps a database so that `arm` runs some work once, before the next transaction. */
function interrupted(): { readonly database: (store: Store) => Store; arm(work: (store: Store) => Promise<unknown>): void } {
  let next: ((store: Store) => Promise<unknown>) | undefined;
  return {
    arm(work) {
      next = work;
    },
    database: (store) => ({
      ...store,
      async transaction(work, options) {
        const first = next;
        next = undefined;
        await first?.(store);
        return store.transaction(work, options);
      },
    }),
  };
}

/** Brings about that another living process owns a parked event by the time at which the handler of the first one fails. */
async function overtaken(world: World, attempts: number): Promise<{ readonly one: Process; readonly other: Process }> {
  const { database, arm } = interrupted();
  const other = await world.start('stock');
  const sender = await world.start('orders', { relay: true });
  const give = (store: Store): Promise<unknown> => store.transaction((tx) => tx.run('update sw_parked set owner = ?', other.worker.id));
  let tried = 0;
  const before = (): never => {
    if (++tried === 2) arm(give);
    throw new Error('down');
  };
  const one = await subscriber(world, before, { database, consumer: { retry: { attempts, base: '10ms', cap: '10ms' } } });
  await world.run(sender.place('a', attempts));
  await world.until('the second attempt failed', async () => tried >= 2);
  await world.time.pass(2000);
  assert.equal(tried, 2);
  return { one, other };
}

export const keeping: readonly { readonly name: string; readonly body: (world: World) => Promise<void> }[] = [
  {
    name: 'a mark is kept, however old, while the bus may redeliver its event, and while the event is a dead letter',
    async body(world) {
      let open = true;
      const pending = (bus: Bus): Bus => ({
        ...bus,
        pending: async (topic, group, positions) => (open ? new Set(positions) : bus.pending(topic, group, positions)),
      });
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(
        world,
        ({ order }) => {
          if (order === 'bad') throw new Error('no');
        },
        { bus: pending, consumer: { inboxRetention: '1m', retry: { attempts: 1 } } },
      );
      for (const order of ['good', 'bad']) await world.run(sender.place(order, 1));
      await world.until('both are marked', async () => (await count(receiver.store, 'sw_inbox')) === 2);
      await minutes(world, 3);
      assert.equal(await count(receiver.store, 'sw_inbox'), 2);
      open = false;
      await world.until('one is forgotten', async () => (await count(receiver.store, 'sw_inbox')) === 1);
      await minutes(world, 1);
      assert.equal(await count(receiver.store, 'sw_inbox'), 1);
      await world.run(deadLetters(receiver.store, receiver.runtime).drop({}));
      await world.until('the other one is, too', async () => (await count(receiver.store, 'sw_inbox')) === 0);
    },
  },
  {
    name: 'G3: redriven events are handled in the order of publication, whatever their reason and age, and before parked ones',
    async body(world) {
      let down = true;
      const { bus } = await world.start('anybody');
      const receiver = await subscriber(
        world,
        ({ n }) => {
          if (down) throw new Error(`down for ${n}`);
        },
        { consumer: { retry: { attempts: 2, base: '3s', cap: '3s' } } },
      );
      await world.run(bus.publish('orders', [event(1, { order: 'a', n: 1 }), event(2, { order: 'a' }), event(3, { order: 'a', n: 3 })]));
      const dead = deadLetters(receiver.store, receiver.runtime);
      await world.until('all are dead', async () => (await dead.list()).length === 3);
      assert.deepEqual(
        (await dead.list()).map(({ id }) => id),
        ['event 2', 'event 1', 'event 3'],
      );
      await world.run(bus.publish('orders', [event(4, { order: 'a', n: 4 })]));
      await world.until('a later one is parked', async () => (await count(receiver.store, 'sw_parked')) === 1);
      down = false;
      await world.run(dead.edit('event 2', { order: 'a', n: 2 }));
      assert.equal(await world.run(dead.redrive({})), 3);
      await world.until('all have their effects', async () => (await effects(receiver.store)).length === 4);
      assert.deepEqual(await numbers(receiver.store, 'a'), [1, 2, 3, 4]);
    },
  },
  {
    name: 'G3: a redrive of several transactions begins with the earliest events',
    async body(world) {
      const { store, runtime } = await world.start('stock');
      await world.run(
        store.transaction(async (tx) => {
          for (const n of [3, 1, 2]) {
            await tx.run(
              `insert into sw_dead_letter (consumer, event, topic, ordering_key, type, arrival, envelope, attempts, history, at, reason, error)
                values ('stock', ?, 'orders', 'a', 'orders.placed', ?, ?, 1, '[]', 0, 'failed', '')`,
              `event ${n}`,
              n,
              JSON.stringify(event(n, 'x'.repeat(5_000_000))),
            );
          }
        }),
      );
      const given: unknown[] = [];
      const watching: Store = {
        ...store,
        async transaction(work, options) {
          const value = await store.transaction(work, options);
          given.push((await store.read.all('select event from sw_parked order by seq')).map((row) => row['event']));
          return value;
        },
      };
      assert.equal(await world.run(deadLetters(watching, runtime).redrive({})), 3);
      assert.deepEqual(given, [['event 1'], ['event 1', 'event 2'], ['event 1', 'event 2', 'event 3']]);
    },
  },
  {
    name: 'G10: an expired event is handled after a redrive',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      await world.run(sender.place('a', 1, 'offered'));
      await world.until('it is on its way', async () => (await count(sender.store, 'sw_outbox')) === 0);
      await minutes(world, 2);
      const receiver = await subscriber(world, undefined, {}, orders.offered);
      await world.until('it is dead', async () => (await count(receiver.store, 'sw_dead_letter')) === 1);
      await world.run(deadLetters(receiver.store, receiver.runtime).redrive({ reason: 'expired' }));
      await world.until('it has its effect', async () => (await effects(receiver.store)).length === 1);
    },
  },
  {
    name: 'G3: an event that fails after an earlier one of its key was parked waits for that one',
    async body(world) {
      const { database, arm } = interrupted();
      const { bus } = await world.start('anybody');
      let down = true;
      let due: unknown;
      /** Notes when the second event is due, as soon as it is parked. */
      const look = async (store: Store): Promise<void> => {
        const [row] = await store.read.all("select due from sw_parked where event = 'event 2'");
        if (row) due = row['due'];
        else arm(look);
      };
      const before = ({ n }: { readonly n: number }): void => {
        // Between the failure and the parking of this event, an earlier event of its key is redriven.
        if (down && n === 2)
          arm(async (store) => {
            await deadLetters(store, world.runtime).redrive({});
            arm(look);
          });
        if (down) throw new Error('down');
      };
      const receiver = await subscriber(world, before, { database, consumer: { retry: { attempts: 1 } } });
      await world.run(bus.publish('orders', [event(1, { order: 'a', n: 1 })]));
      await world.until('it is dead', async () => (await count(receiver.store, 'sw_dead_letter')) === 1);
      await world.run(receiver.close());
      const retry = { attempts: 100, base: '20s', cap: '20s' } as const;
      const second = await subscriber(world, before, { database, consumer: { retry, poll: '1h' } });
      await world.run(bus.publish('orders', [event(2, { order: 'a', n: 2 })]));
      await world.until('both are parked', async () => (await count(second.store, 'sw_parked')) === 2);
      await world.until('somebody looked', async () => due !== undefined);
      assert.equal(due, null);
      down = false;
      await world.until('both have their effects', async () => (await effects(second.store)).length === 2);
      assert.deepEqual(await numbers(second.store, 'a'), [1, 2]);
    },
  },
  {
    name: 'G7: a process whose attempt fails after another process has taken the parked event writes nothing, and does not make it a dead letter',
    async body(world) {
      for (const attempts of [2, 50]) {
        const { one, other } = await overtaken(world, attempts);
        const [row] = await one.store.read.all('select owner, attempts from sw_parked');
        assert.deepEqual([row?.['owner'], row?.['attempts']], [other.worker.id, 1]);
        assert.equal(await count(one.store, 'sw_dead_letter'), 0);
        await world.run(one.store.transaction((tx) => tx.run('delete from sw_parked')));
        await world.run(one.kill());
        await world.run(other.close());
      }
    },
  },
  {
    name: 'G7: a claim takes no parked event that a living process has in flight by then',
    async body(world) {
      const { database, arm } = interrupted();
      const other = await world.start('stock');
      const sender = await world.start('orders', { relay: true });
      let tried = 0;
      const before = async (): Promise<void> => {
        tried++;
        if (tried === 1) throw new Error('down');
        await sleep(world.time.clock, 1);
      };
      const one = await subscriber(world, before, { database, consumer: { retry: { attempts: 9, base: '10s', cap: '10s' }, poll: '1h' } });
      await world.run(sender.place('a', 1));
      await world.until('it is parked', async () => (await count(one.store, 'sw_parked')) === 1);
      await world.run(one.store.transaction((tx) => tx.run('update sw_parked set due = 0')));
      arm((store) => store.transaction((tx) => tx.run('update sw_parked set owner = ?', other.worker.id)));
      await world.time.pass(2000);
      await world.time.pass(2000);
      assert.equal(tried, 1);
    },
  },
];
