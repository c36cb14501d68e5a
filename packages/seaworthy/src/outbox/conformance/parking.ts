import assert from 'node:assert/strict';
import { thrown } from '../../core/conformance/thrown.ts';
import { sleep } from '../../core/sleep.ts';
import { CommitUnknown } from '../../store/errors.ts';
import { deadLetters } from '../dead-letters.ts';
import { DeadLetterUnknown } from '../errors.ts';
import { subscriber } from './handling.ts';
import { count, effects, numbers, type Placed, type Process, type World } from './world.ts';

/** Starts a subscriber that claims a parked event and then stalls until `wake` is called. It sends no heartbeat meanwhile. */
async function stalledOverParked(world: World): Promise<{ readonly one: Process; readonly before: () => void; readonly wake: () => void }> {
  let failing = true;
  let stalled = false;
  let wake = (): void => {};
  const gate = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const before = (): void => {
    if (failing) throw new Error('not yet');
  };
  const sender = await world.start('orders', { relay: true });
  const one = await subscriber(world, before, {
    database: (store) => ({
      ...store,
      async transaction(work, options) {
        if (!stalled && (await store.read.all(`select 1 from sw_parked where owner <> ''`)).length > 0) stalled = true;
        if (stalled) await gate;
        return store.transaction(work, options);
      },
    }),
  });
  await world.run(sender.place('a', 1));
  await world.until('it stalls', async () => stalled);
  failing = false;
  return { one, before, wake };
}

export const parking: readonly { readonly name: string; readonly body: (world: World) => Promise<void> }[] = [
  {
    name: 'G2, G5: an event whose parking, claim or outcome was committed without an answer to the consumer is attempted again, and handled once',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      let failures = 0;
      let left = Number.POSITIVE_INFINITY;
      const receiver = await subscriber(
        world,
        () => {
          if (failures++ < 2) throw new Error('not yet');
        },
        {
          consumer: { retry: { attempts: 100, base: '100ms', cap: '200ms' } },
          database: (store) => ({
            ...store,
            async transaction(work, options) {
              const value = await store.transaction(work, options);
              if (--left === 0) throw new CommitUnknown('as the test says');
              return value;
            },
          }),
        },
      );
      for (let n = 1; n <= 8; n++) {
        failures = 0;
        left = n;
        await world.run(sender.place('a', n));
        await world.until(
          `${n} is handled`,
          async () => (await count(receiver.store, 'sw_parked')) === 0 && (await numbers(receiver.store, 'a')).length === n,
        );
        assert.deepEqual(
          await numbers(receiver.store, 'a'),
          Array.from({ length: n }, (_, index) => index + 1),
        );
      }
    },
  },
  {
    name: 'G3, G5: a key that fails holds up no other; its own later events wait behind it and go on in order',
    async body(world) {
      let broken = true;
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(
        world,
        (data) => {
          if (broken && data.order === 'a' && data.n === 1) throw new Error('not yet');
        },
        { consumer: { retry: { attempts: 100, base: '500ms', cap: '2s' } } },
      );
      for (let n = 0; n < 5; n++) for (const line of ['a', 'b']) await world.run(sender.place(line, n));
      await world.until('the other key is done', async () => (await numbers(receiver.store, 'b')).length === 5);
      await world.until('the failing one is held', async () => (await count(receiver.store, 'sw_parked')) === 4);
      assert.deepEqual(await numbers(receiver.store, 'a'), [0]);
      await world.time.pass(5000);
      assert.deepEqual(await numbers(receiver.store, 'a'), [0]);
      broken = false;
      await world.until('the failing one is done', async () => (await numbers(receiver.store, 'a')).length === 5);
      assert.deepEqual(await numbers(receiver.store, 'a'), [0, 1, 2, 3, 4]);
      await world.until('nothing is parked', async () => (await count(receiver.store, 'sw_parked')) === 0);
    },
  },
  {
    name: 'G5: after its last attempt an event is in the dead letters, with error and history; those behind it go on',
    async body(world) {
      let healed = false;
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(world, (data, meta) => {
        if (!healed && data.n === 1) throw new Error(`attempt ${meta.attempt}`);
      });
      for (let n = 1; n <= 3; n++) await world.run(sender.place('a', n));
      await world.until('those behind it are done', async () => (await effects(receiver.store)).length === 2);
      assert.deepEqual(await numbers(receiver.store, 'a'), [2, 3]);
      const dead = deadLetters(receiver.store, receiver.runtime);
      const [letter] = await dead.list();
      assert.deepEqual([letter?.reason, letter?.error, letter?.attempts], ['failed', 'Error: attempt 5', 5]);
      const { history, envelope } = await dead.show(letter?.id as string);
      assert.deepEqual(
        history.map(({ attempt, error }) => [attempt, error.message]),
        [1, 2, 3, 4, 5].map((n) => [n, `attempt ${n}`]),
      );
      for (const [index, longest] of [1000, 2000, 4000, 8000].entries()) {
        const waited = (history[index + 1]?.at ?? 0) - (history[index]?.at ?? 0);
        assert.ok(waited <= longest + 1100, `waited ${waited} ms before attempt ${index + 2}`);
      }
      assert.deepEqual(envelope?.data, { order: 'a', n: 1 });
      healed = true;
      await world.run(dead.redrive({ ids: [letter?.id as string] }));
      await world.until('it has its effect', async () => (await effects(receiver.store)).length === 3);
      assert.equal(await count(receiver.store, 'sw_dead_letter'), 0);
      assert.equal(await count(receiver.store, 'sw_parked'), 0);
    },
  },
  {
    name: 'G5: any value that a handler throws is a failed attempt, and is stored as text',
    async body(world) {
      const values = Object.values(thrown).map(([value]) => value);
      const sender = await world.start('orders', { relay: true });
      const fails = (data: Placed): never => {
        throw values[data.n];
      };
      const receiver = await subscriber(world, fails, { consumer: { retry: { attempts: 2, base: '10ms', cap: '10ms' } } });
      for (const n of values.keys()) await world.run(sender.place(`order-${n}`, n));
      await world.until('all are dead', async () => (await count(receiver.store, 'sw_dead_letter')) === values.length);
      const dead = deadLetters(receiver.store, receiver.runtime);
      for (const { attempts, error } of await dead.list()) {
        assert.equal(attempts, 2);
        assert.ok(error.length < 2300);
      }
    },
  },
  {
    name: 'dead letters are listed, filtered, counted and dropped; redriven together they keep their order',
    async body(world) {
      let healed = false;
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(
        world,
        () => {
          if (!healed) throw new Error('no');
        },
        { consumer: { retry: { attempts: 1 } } },
      );
      for (let n = 0; n < 4; n++) for (const line of ['a', 'b']) await world.run(sender.place(line, n));
      await world.until('all are dead', async () => (await count(receiver.store, 'sw_dead_letter')) === 8);
      const dead = deadLetters(receiver.store, receiver.runtime);
      assert.deepEqual(await dead.summary(), [{ type: 'orders.placed', reason: 'failed', count: 8 }]);
      assert.equal((await dead.list({ key: 'a' })).length, 4);
      assert.equal((await dead.list({}, { limit: 3, offset: 6 })).length, 2);
      assert.equal((await dead.list({ type: 'orders.cancelled' })).length, 0);
      assert.equal((await dead.list({ ids: [] })).length, 0);
      assert.equal((await dead.list({ olderThan: '1h' })).length, 0);
      const [doomed] = await dead.list({ key: 'b' });
      assert.equal(await world.run(dead.drop({ ids: [doomed?.id as string] })), 1);
      await assert.rejects(dead.show(doomed?.id as string), DeadLetterUnknown);
      await assert.rejects(world.run(dead.edit(doomed?.id as string, {})), DeadLetterUnknown);
      healed = true;
      assert.equal(await world.run(dead.redrive({})), 7);
      await world.until('all have their effects', async () => (await effects(receiver.store)).length === 7);
      assert.deepEqual(await numbers(receiver.store, 'a'), [0, 1, 2, 3]);
      assert.deepEqual(await numbers(receiver.store, 'b'), [1, 2, 3]);
    },
  },
  {
    name: 'two processes never both attempt a parked event; when one dies the other takes over within seconds',
    async body(world) {
      let healed = false;
      let running = 0;
      let most = 0;
      const sender = await world.start('orders', { relay: true });
      const before = async (): Promise<void> => {
        running++;
        most = Math.max(most, running);
        try {
          await sleep(world.time.clock, 5);
          if (!healed) throw new Error('not yet');
        } finally {
          running--;
        }
      };
      const options = { consumer: { retry: { attempts: 1000, base: '200ms', cap: '200ms' } } } as const;
      const one = await subscriber(world, before, options);
      const two = await subscriber(world, before, options);
      for (let n = 0; n < 3; n++) await world.run(sender.place('a', n));
      await world.until('all are parked', async () => (await count(two.store, 'sw_parked')) === 3);
      await world.until(
        'they are attempted',
        async () => Number((await two.store.read.all('select max(attempts) as n from sw_parked'))[0]?.['n']) > 10,
      );
      assert.equal(most, 1);
      await world.run(one.kill());
      healed = true;
      await world.until('all have their effects', async () => (await effects(two.store)).length === 3, 10_000);
      assert.deepEqual(await numbers(two.store, 'a'), [0, 1, 2]);
      assert.equal(most, 1);
    },
  },
  {
    name: 'G7: a worker that only stalled finds that another one has handled its parked event: effects once',
    async body(world) {
      const { before, one, wake } = await stalledOverParked(world);
      const two = await subscriber(world, before);
      await world.until('the other has it', async () => (await effects(two.store)).length === 1, 10_000);
      wake();
      await world.time.pass(2000);
      assert.equal((await effects(one.store)).length, 1);
      assert.equal(await count(one.store, 'sw_outbox'), 1);
    },
  },
  {
    name: 'G7: a worker does not attempt a parked event that another living worker has in flight',
    async body(world) {
      const { one, wake } = await stalledOverParked(world);
      const two = await world.start('stock');
      await world.run(two.store.transaction((tx) => tx.run('update sw_parked set owner = ?', two.worker.id)));
      wake();
      for (let second = 0; second < 10; second++) await world.time.pass(1000);
      assert.equal((await effects(one.store)).length, 0);
      await world.run(two.close());
      await world.until('it has its effect when the other is gone', async () => (await effects(one.store)).length === 1, 10_000);
    },
  },
  {
    name: 'a parked event whose subscription is gone becomes a dead letter',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      const one = await subscriber(world, () => {
        throw new Error('no');
      });
      await world.run(sender.place('a', 1));
      await world.until('it is parked', async () => (await count(one.store, 'sw_parked')) === 1);
      await world.run(one.close());
      const two = await world.start('stock', { subscriptions: [], consumer: { unhandledAfter: '5s' } });
      await world.until('it is dead', async () => (await count(two.store, 'sw_dead_letter')) === 1);
      const [letter] = await deadLetters(two.store, two.runtime).list();
      assert.equal(letter?.reason, 'unhandled');
    },
  },
];
