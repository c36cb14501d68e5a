import assert from 'node:assert/strict';
import type { Isolation } from '../../store/store.ts';
import { isolations, type Pausable, pausable } from '../../testing/pausable-store.ts';
import { deadLetters } from '../dead-letters.ts';
import { subscriber } from './handling.ts';
import { count, numbers, type Process, type World } from './world.ts';

/** Long enough for what does not wait for the transaction that is held. What waits for it goes on when it is released. */
const soonMs = 3000;

/** Lets time pass until `holds`, but not for long. */
const soon = (world: World, holds: () => Promise<boolean>): Promise<void> => world.until('soon', holds, soonMs).catch(() => {});

interface Failing {
  readonly receiver: Process;
  readonly paused: Pausable;
  /** From now on the handler succeeds, once `until` has settled. */
  readonly heal: (until?: Promise<void>) => void;
  /** Whether the handler waits for that. */
  readonly waits: () => boolean;
}

/** Starts a subscriber whose handler fails, on a database on which transactions can be held, and parks an event of its own. */
async function failing(world: World, isolation: Isolation): Promise<Failing> {
  let healed: { readonly until: Promise<void> | undefined } | undefined;
  let waiting = false;
  let paused: Pausable | undefined;
  const handle = async (): Promise<void> => {
    if (!healed) throw new Error('not yet');
    waiting = true;
    await healed.until;
  };
  const receiver = await subscriber(world, handle, {
    consumer: { retry: { attempts: 1000, base: '100ms', cap: '200ms' } },
    database(store) {
      paused = pausable(store, isolation);
      return paused.store;
    },
  });
  const heal = (until?: Promise<void>): void => {
    healed = { until };
  };
  return { receiver, paused: paused as Pausable, heal, waits: () => waiting };
}

/** The points at which a delivery is held: it has read what it waits behind, or has changed it. */
const points = {
  'has found the event before it': 'from sw_parked where consumer',
  'has queued behind the event before it': 'followers + 1',
};

const stranded = (isolation: Isolation, what: string, part: string) => ({
  name: `G3: an event is not stranded when the one that it waits behind is settled after it ${what} (${isolation})`,
  async body(world: World): Promise<void> {
    const sender = await world.start('orders', { relay: true });
    const { receiver, paused, heal } = await failing(world, isolation);
    await world.run(sender.place('a', 1));
    await world.until('the first is parked', async () => (await count(receiver.store, 'sw_parked')) === 1);
    paused.holdBehind(part);
    await world.run(sender.place('a', 2));
    await world.until('the delivery of the second is held', async () => paused.isHeld);
    heal();
    await soon(world, async () => (await count(receiver.store, 'sw_parked')) === 0);
    paused.release();
    await world.until('both are handled', async () => (await numbers(receiver.store, 'a')).length === 2);
    assert.deepEqual(await numbers(receiver.store, 'a'), [1, 2]);
    await world.until('none is parked', async () => (await count(receiver.store, 'sw_parked')) === 0);
  },
});

const redrivenBeside = (isolation: Isolation) => ({
  name: `G5: a redriven event is not stranded when the one of its key that is in flight is settled meanwhile (${isolation})`,
  async body(world: World): Promise<void> {
    const sender = await world.start('orders', { relay: true });
    const { receiver, heal, waits } = await failing(world, isolation);
    await world.run(sender.place('a', 1));
    await world.until('it is parked', async () => (await count(receiver.store, 'sw_parked')) === 1);
    // A dead letter that came before it.
    await world.run(
      receiver.store.transaction(async (tx) => {
        const columns = 'consumer, topic, ordering_key, type, arrival, envelope, attempts, history, at';
        const letter = `insert into sw_dead_letter (event, ${columns}, reason, error)`;
        await tx.run(`${letter} select 'earlier', ${columns}, 'failed', '' from sw_parked`);
        await tx.run('update sw_parked set arrival = arrival + 1');
      }),
    );
    const gate = Promise.withResolvers<void>();
    heal(gate.promise);
    await world.until('the parked one is attempted', async () => waits());
    const operator = pausable(receiver.store, isolation);
    operator.holdBeforeCommit();
    const redriven = deadLetters(operator.store, receiver.runtime).redrive({});
    await soon(world, async () => operator.isHeld);
    gate.resolve();
    await soon(world, async () => (await numbers(receiver.store, 'a')).length === 1);
    operator.release();
    assert.equal(await world.run(redriven), 1);
    await world.until('both are handled', async () => (await numbers(receiver.store, 'a')).length === 2);
    await world.until('none is parked', async () => (await count(receiver.store, 'sw_parked')) === 0);
  },
});

/** Transactions that meet where one of them could lose an event, at each level of isolation. */
export const racing: readonly { readonly name: string; readonly body: (world: World) => Promise<void> }[] = isolations.flatMap(
  (isolation) => [...Object.entries(points).map(([what, part]) => stranded(isolation, what, part)), redrivenBeside(isolation)],
);
