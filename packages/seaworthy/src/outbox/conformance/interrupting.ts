import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { sleep } from '../../core/sleep.ts';
import { CommitFailed, CommitUnknown, StoreClosed, StoreUnusable } from '../../store/errors.ts';
import { deadLetters } from '../dead-letters.ts';
import { subscriber } from './handling.ts';
import { count, effects, type Placed, type World } from './world.ts';

/** The cases in which a handler is cut short. They tell which of these interruptions are failures of the event. */
export const interrupting: readonly { readonly name: string; readonly body: (world: World) => Promise<void> }[] = [
  {
    name: 'G5, G13: a shutdown is not a failure: the handlers that it cuts short are rolled back, and their events redelivered as a first attempt',
    async body(world) {
      const attempts: number[] = [];
      const sender = await world.start('orders', { relay: true });
      let began = false;
      const stuck = await subscriber(world, async (_data, meta) => {
        began = true;
        attempts.push(meta.attempt);
        await new Promise(() => {});
      });
      await world.run(sender.place('a', 1));
      await world.until('the handler runs', async () => began);
      const budget = new AbortController();
      const closing = stuck.close(budget.signal);
      await world.time.pass(500);
      budget.abort(new Error('out of time'));
      await world.run(closing);
      const receiver = await subscriber(world, (_data, meta) => void attempts.push(meta.attempt));
      await world.until('it has its effect', async () => (await effects(receiver.store)).length === 1);
      assert.deepEqual([...new Set(attempts)], [1]);
      assert.equal(await count(receiver.store, 'sw_parked'), 0);
      assert.equal(await count(receiver.store, 'sw_dead_letter'), 0);
    },
  },
  {
    name: 'G13: a shutdown waits for the events in flight, and an attempt that fails meanwhile does not count',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      const gates = new Map<string, (error?: Error) => void>();
      const first = await subscriber(
        world,
        (data) => new Promise<void>((resolve, reject) => gates.set(data.order, (error) => (error ? reject(error) : resolve()))),
        {
          consumer: { retry: { attempts: 1 } },
        },
      );
      await world.run(Promise.all([sender.place('good', 1), sender.place('bad', 1)]));
      // A database with one writer runs one of these handlers at a time, other databases run both.
      await world.until('one handler runs', async () => gates.size > 0);
      await world.time.pass(100);
      const closing = first.close();
      const letGo = (): void => {
        gates.get('bad')?.(new Error('its pool is closed already'));
        gates.get('good')?.();
      };
      let closed = false;
      void closing.then(() => (closed = true));
      assert.equal(closed, false);
      while (!closed) {
        letGo();
        await world.time.pass(10);
      }
      const receiver = await subscriber(world);
      await world.until('both have their effects', async () => (await effects(receiver.store)).length === 2);
      assert.equal(await count(receiver.store, 'sw_dead_letter'), 0);
    },
  },
  {
    name: 'an abort by the bus, as when a connection is lost, is not a failure',
    async body(world) {
      let lost = false;
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(world, () => (lost ? undefined : new Promise(() => {})), {
        consumer: { retry: { attempts: 1 } },
        bus: (bus) => ({
          ...bus,
          subscribe: (options) =>
            bus.subscribe({
              ...options,
              async handle(envelope, delivery) {
                if (lost) return options.handle(envelope, delivery);
                const connection = new AbortController();
                const work = options.handle(envelope, { signal: connection.signal });
                await sleep(world.time.clock, 500);
                lost = true;
                connection.abort(new Error('the connection is lost'));
                return work;
              },
            }),
        }),
      });
      await world.run(sender.place('a', 1));
      await world.until('it has its effect', async () => (await effects(receiver.store)).length === 1);
      assert.equal(await count(receiver.store, 'sw_dead_letter'), 0);
    },
  },
  {
    name: 'a database that cannot begin a transaction is not a failure of the event',
    async body(world) {
      let refusals = 3;
      let subscribed = false;
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(world, undefined, {
        consumer: { retry: { attempts: 1 } },
        database: (store) => ({
          ...store,
          async transaction(work, options) {
            // Only the transactions of attempts fail. The heartbeat still works, and so would a transaction that writes a dead letter.
            if (subscribed && options?.signal && refusals-- > 0) throw new Error('no database');
            return store.transaction(work, options);
          },
        }),
      });
      subscribed = true;
      await world.run(sender.place('a', 1));
      await world.until('it has its effect', async () => (await effects(receiver.store)).length === 1);
      assert.equal(refusals < 0, true);
      assert.equal(await count(receiver.store, 'sw_dead_letter'), 0);
    },
  },
  {
    name: 'a database that is not available during an attempt is not a failure of the event, whether or not it has committed',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      /** What each event meets once, when its handler has run: on arrival, or in its last attempt. */
      const plans = [CommitUnknown, CommitFailed, StoreUnusable, StoreClosed].flatMap((Refusal) =>
        [true, false].flatMap((committed) =>
          [true, false].map((parked) => ({ error: new Refusal('as the test says'), committed, fails: parked, met: false })),
        ),
      );
      type Plan = (typeof plans)[number];
      const here = new AsyncLocalStorage<{ plan: Plan | undefined }>();
      const before = ({ n }: Placed): void => {
        const plan = plans[n] as Plan;
        const fails = plan.fails;
        plan.fails = false;
        if (fails) throw new Error('not yet');
        const run = here.getStore();
        if (run && !plan.met) run.plan = plan;
      };
      const receiver = await subscriber(world, before, {
        consumer: { retry: { attempts: 2, base: '100ms', cap: '100ms' } },
        database: (store) => ({
          ...store,
          async transaction(work, options) {
            const run: { plan: Plan | undefined } = { plan: undefined };
            const refuse = (committed: boolean): void => {
              if (run.plan?.committed === committed) throw run.plan.error;
            };
            try {
              const value = await store.transaction(async (tx) => {
                run.plan = undefined;
                const result = await here.run(run, () => work(tx));
                refuse(false);
                return result;
              }, options);
              refuse(true);
              return value;
            } finally {
              if (run.plan) run.plan.met = true;
            }
          },
        }),
      });
      for (const n of plans.keys()) await world.run(sender.place(`line ${n}`, n));
      await world.until('each has met its error', async () => plans.every(({ met }) => met));
      await world.until('all have their effects', async () => (await effects(receiver.store)).length === plans.length);
      await world.until('nothing is parked', async () => (await count(receiver.store, 'sw_parked')) === 0);
      await world.time.pass(5000);
      assert.equal((await effects(receiver.store)).length, plans.length);
      assert.equal(await count(receiver.store, 'sw_dead_letter'), 0);
    },
  },
  {
    name: 'a handler that hangs is cut short after its timeout, which is a failed attempt',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      let runs = 0;
      const receiver = await subscriber(world, () => (runs++ === 0 ? new Promise(() => {}) : undefined), { consumer: { timeout: '2s' } });
      await world.run(sender.place('a', 1));
      await world.until('it has its effect', async () => (await effects(receiver.store)).length === 1);
      assert.equal(runs, 2);
    },
  },
  {
    name: 'a handler that meets a conflict again and again is given up after ten times its timeout, which is a failed attempt',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      let conflicts = true;
      let handled = false;
      const before = async (): Promise<void> => {
        await sleep(world.time.clock, 300);
        handled = true;
      };
      const receiver = await subscriber(world, before, {
        consumer: { timeout: '1s', retry: { attempts: 1 } },
        database: (store) => ({
          ...store,
          async transaction(work, options) {
            const again = new Error('again');
            for (;;) {
              handled = false;
              try {
                return await store.transaction(async (tx) => {
                  const value = await work(tx);
                  if (conflicts && handled) throw again;
                  return value;
                }, options);
              } catch (error) {
                if (error !== again) throw error;
              }
            }
          },
        }),
      });
      await world.run(sender.place('a', 1));
      await world.until('it is a dead letter', async () => (await count(receiver.store, 'sw_dead_letter')) === 1, 20_000);
      const [letter] = await deadLetters(receiver.store, receiver.runtime).list();
      assert.match(String(letter?.error), /was run again and again for 10000 ms/);
      conflicts = false;
    },
  },
  {
    name: "the time that an event waits for its turn at the database is not its handler's",
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      const receiver = await subscriber(world, () => sleep(world.time.clock, 300), {
        consumer: { timeout: '400ms', retry: { attempts: 1 } },
      });
      await world.run(Promise.all(Array.from({ length: 5 }, (_, n) => sender.place(`line ${n}`, n))));
      await world.until('all have their effects or none will', async () => (await count(receiver.store, 'sw_inbox')) === 5);
      assert.equal((await effects(receiver.store)).length, 5);
    },
  },
];
