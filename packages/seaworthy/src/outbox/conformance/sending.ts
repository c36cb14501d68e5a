import assert from 'node:assert/strict';
import type { Envelope } from '../../bus/envelope.ts';
import { EventsRefused } from '../../bus/errors.ts';
import { lossy, unstorableTexts } from '../../contract/conformance/lossy.ts';
import { RunOver } from '../../core/lifetime.ts';
import { EventInvalid } from '../errors.ts';
import { collector } from '../outbox.ts';
import { relay } from '../relay.ts';
import { count, orders, type Placed, type Process, type World } from './world.ts';

/** Subscribes to a topic as another program would. Collects every delivery, repeats included. */
async function listen(world: World, process: Process, topic = 'orders'): Promise<Envelope[]> {
  const heard: Envelope[] = [];
  await world.run(process.bus.subscribe({ topic, group: 'listener', handle: async (envelope) => void heard.push(envelope) }));
  return heard;
}

const first = (heard: readonly Envelope[]): readonly Envelope[] =>
  [...new Map(heard.toReversed().map((one) => [one.id, one])).values()].toReversed();
const ns = (heard: readonly Envelope[], line: string): readonly number[] =>
  first(heard)
    .filter((one) => one.partitionkey === line)
    .map((one) => (one.data as Placed).n);

export const sending: readonly { readonly name: string; readonly body: (world: World) => Promise<void> }[] = [
  {
    name: 'G1: events of a handler are published when its transaction commits, and not when it rolls back',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      const heard = await listen(world, sender);
      const work = sender.store.transaction(async (tx) => {
        const events = collector(orders, sender.runtime);
        events.publish('placed', { order: 'lost', n: 1 });
        assert.equal(await events.write(tx), 1);
        throw new Error('after the write');
      });
      await assert.rejects(world.run(work), /after the write/);
      await world.run(sender.place('kept', 1));
      await world.until('the kept one arrives', async () => heard.length > 0);
      assert.deepEqual(
        first(heard).map(({ specversion, source, type, partitionkey, data }) => ({ specversion, source, type, partitionkey, data })),
        [{ specversion: '1.0', source: '/orders', type: 'orders.placed', partitionkey: 'kept', data: { order: 'kept', n: 1 } }],
      );
      await world.until('the outbox is empty', async () => (await count(sender.store, 'sw_outbox')) === 0);
    },
  },
  {
    name: 'G14: data that breaks the contract is refused with event, path and rule, and nothing is left',
    async body(world) {
      const { store, runtime } = await world.start('orders');
      const fresh = () => collector(orders, runtime);
      const write = (publish: (events: ReturnType<typeof fresh>) => void): Promise<number> =>
        store.transaction(async (tx) => {
          await tx.run(`insert into asked (name) values ('row')`);
          const events = fresh();
          publish(events);
          return events.write(tx);
        });
      const refused =
        (message: RegExp) =>
        (error: unknown): boolean =>
          error instanceof EventInvalid && message.test(error.message);
      const circle: { order: string; n: unknown } = { order: 'a', n: 1 };
      circle.n = circle;
      await assert.rejects(
        world.run(write((events) => events.publish('placed', { order: 'a', n: 1.5 }))),
        refused(/orders\.placed.*n: must be an integer/),
      );
      await assert.rejects(
        world.run(write((events) => events.publish('placed', { order: '', n: 1 }))),
        refused(/orders\.placed.*order: is the key/),
      );
      await assert.rejects(world.run(write((events) => events.publish('placed', circle as Placed))), refused(/orders\.placed.*JSON/));
      await assert.rejects(
        world.run(write((events) => events.publish('unplaced' as 'placed', { order: 'a', n: 1 }))),
        refused(/no event unplaced/),
      );
      for (const [value, rule] of Object.values({ ...lossy, ...unstorableTexts }))
        await assert.rejects(
          world.run(write((events) => events.publish('placed', { order: 'a', n: 1, more: value } as Placed))),
          refused(rule),
        );
      assert.equal(await count(store, 'asked'), 0);
      assert.equal(await count(store, 'sw_outbox'), 0);
    },
  },
  {
    name: 'G14: an event that is larger than the bus takes is refused in its own transaction',
    async body(world) {
      const { store, runtime } = await world.start('orders');
      const write = (order: string): Promise<number> =>
        store.transaction(async (tx) => {
          const events = collector(orders, runtime, { tx, maxBytes: 500 });
          events.publish('placed', { order, n: 1 });
          return events.write(tx);
        });
      assert.equal(await world.run(write('a')), 1);
      // Each `ü` has two bytes in UTF-8, and the limit counts bytes, not characters.
      await assert.rejects(world.run(write('ü'.repeat(90))), (error: unknown) => {
        assert.ok(error instanceof EventInvalid);
        assert.match(error.message, /^orders\.placed \S+ has \d{3} bytes; the bus takes at most 500 for one event/);
        return true;
      });
      assert.equal(await count(store, 'sw_outbox'), 1);
    },
  },
  {
    name: 'an event that the bus can never take is set aside by the relay, and those around it are sent',
    async body(world) {
      const sender = await world.start('orders', {
        relay: true,
        bus: (bus) => ({
          ...bus,
          async publish(topic, envelopes) {
            const ids = envelopes.filter(({ partitionkey }) => partitionkey === 'large').map(({ id }) => id);
            if (ids.length > 0) throw new EventsRefused('too large', ids);
            await bus.publish(topic, envelopes);
          },
        }),
      });
      const heard = await listen(world, sender);
      for (const line of ['a', 'large', 'b']) await world.run(sender.place(line, 1));
      await world.until('the others are sent', async () => first(heard).length === 2 && (await count(sender.store, 'sw_outbox')) === 0);
      const rows = await sender.store.read.all('select content, error from sw_set_aside');
      assert.deepEqual(
        rows.map(({ content, error }) => [(JSON.parse(String(content)) as Envelope).partitionkey, error]),
        [['large', 'too large']],
      );
    },
  },
  {
    name: 'an event has the data of the moment of its publish',
    async body(world) {
      const { store, runtime } = await world.start('orders');
      const data = { order: 'a', n: 1 };
      const work = store.transaction(async (tx) => {
        const events = collector(orders, runtime);
        events.publish('placed', data);
        data.n = 2;
        await events.write(tx);
      });
      await world.run(work);
      const [row] = await store.read.all('select envelope from sw_outbox');
      assert.deepEqual((JSON.parse(String(row?.['envelope'])) as Envelope).data, { order: 'a', n: 1 });
    },
  },
  {
    name: 'G1: a savepoint that is rolled back drops the events published in it, also those of inner savepoints',
    async body(world) {
      const { store, runtime } = await world.start('orders');
      const undone = new Error('undone');
      const work = store.transaction(async (tx) => {
        const { publish, write } = collector(orders, runtime, { tx });
        const place = (order: string): void => publish('placed', { order, n: 1 });
        const undoing = async (inner: () => unknown): Promise<void> => {
          const savepoint = tx.savepoint(async () => {
            await inner();
            throw undone;
          });
          await savepoint.catch((error: unknown) => assert.equal(error, undone));
        };
        place('before');
        await undoing(async () => {
          place('lost');
          await tx.savepoint(async () => place('lost with the one around it'));
        });
        await tx.savepoint(async () => {
          place('kept');
          await undoing(() => place('lost alone'));
          place('kept too');
        });
        place('after');
        assert.equal(await write(tx), 4);
        assert.throws(() => place('too late'), RunOver);
      });
      await world.run(work);
      const rows = await store.read.all('select envelope from sw_outbox order by seq');
      assert.deepEqual(
        rows.map(({ envelope }) => (JSON.parse(String(envelope)) as Envelope).partitionkey),
        ['before', 'kept', 'kept too', 'after'],
      );
    },
  },
  {
    name: 'G14: wrong data is refused by publish, and a handler that catches the error publishes the rest',
    async body(world) {
      const { store, runtime } = await world.start('orders');
      const work = store.transaction(async (tx) => {
        const { publish, write } = collector(orders, runtime, { tx });
        assert.throws(() => publish('placed', { order: 'a', n: 1.5 }), EventInvalid);
        publish('placed', { order: 'a', n: 1 });
        return write(tx);
      });
      assert.equal(await world.run(work), 1);
    },
  },
  {
    name: 'G3: many transactions at once, batch after batch: the order of each key is kept',
    async body(world) {
      const sender = await world.start('orders');
      const heard = await listen(world, sender);
      for (let n = 0; n < 30; n++) await world.run(Promise.all(['a', 'b', 'c'].map((line) => sender.place(line, n))));
      const small = relay({
        store: sender.store,
        bus: sender.bus,
        runtime: sender.runtime,
        worker: sender.worker,
        service: 'orders',
        batch: 7,
      });
      await world.until('all arrive', async () => first(heard).length >= 90);
      await world.run(small.close());
      for (const line of ['a', 'b', 'c'])
        assert.deepEqual(
          ns(heard, line),
          Array.from({ length: 30 }, (_, n) => n),
        );
    },
  },
  {
    name: 'G4: a row that is committed late, with a number lower than those already sent, is sent',
    async body(world) {
      const sender = await world.start('orders', { relay: true });
      const heard = await listen(world, sender);
      await world.run(sender.place('a', 1));
      await world.run(sender.place('a', 2));
      await world.until('both arrive', async () => first(heard).length === 2 && (await count(sender.store, 'sw_outbox')) === 0);
      const late = { ...(heard[0] as Envelope), id: 'late', partitionkey: 'late' };
      await world.run(
        sender.store.transaction((tx) => tx.run('insert into sw_outbox (seq, at, envelope) values (0, 0, ?)', JSON.stringify(late))),
      );
      await world.until('the late one arrives', async () => heard.some(({ id }) => id === 'late'));
    },
  },
  {
    name: 'a bus that is away loses nothing and keeps the order; the lag shows it',
    async body(world) {
      let away = true;
      let tries = 0;
      const sender = await world.start('orders', {
        relay: true,
        bus: (bus) => ({
          ...bus,
          async publish(topic, envelopes) {
            tries++;
            if (!away) return bus.publish(topic, envelopes);
            // A rejected publish may have published a prefix of its events, and no more.
            await bus.publish(topic, envelopes.slice(0, 1));
            throw new Error('no connection');
          },
        }),
      });
      const heard = await listen(world, sender);
      for (const n of [1, 2, 3]) await world.run(sender.place('a', n));
      await world.until('it was tried for a minute', async () => (sender.gauges.get('seaworthy_outbox_lag_seconds')?.() ?? 0) > 60);
      assert.ok(tries > 5 && tries < 60, `tried ${tries} times in a minute`);
      assert.equal(await count(sender.store, 'sw_outbox'), 3);
      away = false;
      await world.until('all arrive', async () => first(heard).length === 3 && (await count(sender.store, 'sw_outbox')) === 0);
      assert.deepEqual(ns(heard, 'a'), [1, 2, 3]);
      assert.equal(sender.gauges.get('seaworthy_outbox_lag_seconds')?.(), 0);
    },
  },
  {
    name: 'G3, G7: of two relays one works; when it dies the other takes over within seconds, in order',
    async body(world) {
      const published = new Set<string>();
      const watched = (name: string) => (bus: Process['bus']) => ({
        ...bus,
        publish: (topic: string, envelopes: readonly Envelope[]) => {
          published.add(name);
          return bus.publish(topic, envelopes);
        },
      });
      const one = await world.start('orders', { relay: true, bus: watched('one') });
      await world.run(one.place('a', 0));
      await world.until('the first one works', async () => published.has('one') && (await count(one.store, 'sw_outbox')) === 0);
      const two = await world.start('orders', { relay: true, bus: watched('two') });
      const heard = await listen(world, await world.start('listening'));
      for (let n = 1; n < 20; n++) await world.run(Promise.all([one, two].map((by, index) => by.place(index === 0 ? 'a' : 'b', n))));
      await world.until('all are sent', async () => (await count(two.store, 'sw_outbox')) === 0);
      assert.deepEqual([...published], ['one']);
      await world.run(one.kill());
      for (let n = 20; n < 40; n++) await world.run(two.place('a', n));
      await world.until('the second one takes over', async () => (await count(two.store, 'sw_outbox')) === 0, 10_000);
      await world.until('all arrive', async () => first(heard).length === 59);
      assert.deepEqual(
        ns(heard, 'a'),
        Array.from({ length: 40 }, (_, n) => n),
      );
    },
  },
  {
    name: 'G7: a relay that only stalled deletes nothing any more',
    async body(world) {
      let stall: (() => void) | undefined;
      let stalling = true;
      const one = await world.start('orders', {
        relay: true,
        bus: (bus) => ({
          ...bus,
          async publish(topic, envelopes) {
            if (stalling) await new Promise<void>((resolve) => (stall = resolve));
            await bus.publish(topic, envelopes);
          },
        }),
      });
      await world.run(one.place('a', 1));
      await world.until('it stalls', async () => stall !== undefined);
      // The process has no heartbeat any more, so others take it for dead.
      await world.run(one.store.transaction((tx) => tx.run('delete from sw_worker')));
      const two = await world.start('orders');
      await world.run(two.store.transaction((tx) => two.worker.holdLease(tx, 'relay')));
      stalling = false;
      stall?.();
      await world.time.pass(200);
      assert.equal(await count(two.store, 'sw_outbox'), 1);
    },
  },
];
