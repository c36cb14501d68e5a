import assert from 'node:assert/strict';
import { orAborted } from '../../core/abort.ts';
import { hasEffect } from '../../testing/crashable.ts';
import { processLife } from '../../testing/process-life.ts';
import { deadLetters } from '../dead-letters.ts';
import { subscriber } from './handling.ts';
import { count, effects, numbers, type Process, type StartOptions, type World } from './world.ts';

const lines = ['a', 'b'];
const each = 2;
const total = lines.length * each;

/** Does the work of the sender. The sender repeats it from the beginning after each start. */
async function place(sender: Process): Promise<void> {
  for (let n = 0; n < each; n++) for (const line of lines) await sender.place(line, n);
}

/** Runs the program with a sender that dies at step `steps`. Returns where the sender died; `undefined` when it survived. */
async function dyingSender(world: World, steps: number): Promise<string | undefined> {
  const life = processLife({ name: 'sender', steps, counts: hasEffect, clock: world.time.clock });
  const receiver = await subscriber(world);
  let sender = await world.start('orders', { relay: true, life }).catch(() => undefined);
  if (sender) await world.run(place(sender).catch(() => {}));
  await world.time.pass(300);
  if (life.dead.aborted) {
    if (sender) await world.run(sender.kill());
    sender = await world.start('orders', { relay: true });
    await world.run(place(sender));
  }
  await world.until('all have their effects', async () => (await effects(receiver.store)).length >= total);
  await world.until('the outbox is empty', async () => (await count((sender as Process).store, 'sw_outbox')) === 0);
  await world.time.pass(500);
  await settled(receiver);
  return life.at;
}

async function settled(receiver: Process): Promise<void> {
  for (const line of lines)
    assert.deepEqual(
      await numbers(receiver.store, line),
      Array.from({ length: each }, (_, n) => n),
      `effects of ${line}`,
    );
  assert.equal(await count(receiver.store, 'sw_outbox'), total, 'events of its own, one for each effect');
  assert.equal(await count(receiver.store, 'sw_parked'), 0, 'nothing is parked');
}

/** Runs the program with a receiver that dies at step `steps`. One event fails once, another one until it is redriven from the dead letters. */
async function dyingReceiver(world: World, steps: number): Promise<string | undefined> {
  const life = processLife({ name: 'receiver', steps, counts: hasEffect, clock: world.time.clock });
  let failures = 0;
  let healed = false;
  const before = (data: { order: string; n: number }): void => {
    if (data.order === 'a' && data.n === 0 && failures++ === 0) throw new Error('once');
    if (data.order === 'b' && data.n === each - 1 && !healed) throw new Error('until redriven');
  };
  const options = { consumer: { retry: { attempts: 2, base: '20ms', cap: '20ms' }, poll: '100ms' } } as const;
  const sender = await world.start('orders', { relay: true });
  const begin = (own: StartOptions): Promise<Process> => subscriber(world, before, { ...options, ...own });
  let receiver = await begin({ life }).catch(() => undefined);
  let reborn = false;
  await world.run(place(sender));
  for (let rounds = 0; ; rounds++) {
    assert.ok(rounds < 600, 'the receiver never has all of its effects');
    await world.time.pass(100);
    if (!receiver || (life.dead.aborted && !reborn)) {
      reborn = true;
      if (receiver) await world.run(receiver.kill());
      receiver = await begin({});
    }
    const done = (await effects(receiver.store)).length;
    if (done >= total) break;
    if (done === total - 1 && (await count(receiver.store, 'sw_dead_letter')) === 1) healed = true;
    if (healed) {
      const redriven = deadLetters(receiver.crashable, receiver.runtime).redrive({});
      await world.run(orAborted(redriven, receiver.life.dead).catch(() => 0));
    }
  }
  await world.time.pass(500);
  if (life.dead.aborted && !reborn) {
    await world.run(receiver.kill());
    receiver = await begin({});
    await world.time.pass(2000);
  }
  await settled(receiver);
  return life.at;
}

export interface Exploring {
  readonly fresh: () => World;
  /** Tries every n-th step only. */
  readonly every: number;
}

/** Runs the program with a death at the first step, then at the next one that is tried, and so on, until the process survives. */
async function explore({ fresh, every }: Exploring, program: (world: World, steps: number) => Promise<string | undefined>): Promise<void> {
  const seen = new Set<string>();
  for (let steps = 1; ; steps += every) {
    const world = fresh();
    let at: string | undefined;
    try {
      at = await program(world, steps);
    } catch (error) {
      throw new Error(`a death at step ${steps} was not survived`, { cause: error });
    } finally {
      await world.end();
    }
    if (at === undefined) break;
    seen.add(at);
  }
  assert.ok(seen.size > 5, `explored ${seen.size} different places`);
}

export const crashing: readonly { readonly name: string; readonly body: (exploring: Exploring) => Promise<void> }[] = [
  {
    name: 'G2: the sender may die between any two statements: every event arrives, once and in order',
    body: (exploring) => explore(exploring, dyingSender),
  },
  {
    name: 'G2, G5: the receiver may die between any two statements: effects once, in order, through retries and dead letters',
    body: (exploring) => explore(exploring, dyingReceiver),
  },
];
