import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasEffect } from '../testing/crashable.ts';
import { type ProcessLife, processLife } from '../testing/process-life.ts';
import { subscriber } from './conformance/handling.ts';
import { count, effects, numbers, type Process, world } from './conformance/world.ts';
import { inMemory, time } from './grounds.fixture.ts';

const line = fc.constantFrom('a', 'b', 'c');
const action = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('place' as const), line }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fail' as const), line, times: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 3000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('second receiver', 'second sender', 'restart', 'crash') }) },
);
/** How many steps each life of a process has, one life after the other; then it lives for ever. */
const lives = fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 5 });

interface Program {
  readonly actions: readonly (typeof action extends fc.Arbitrary<infer A> ? A : never)[];
  readonly senders: readonly number[];
  readonly receivers: readonly number[];
}

async function play({ actions, senders, receivers }: Program): Promise<void> {
  const system = world(inMemory(), time());
  const placed: (readonly [string, number])[] = [];
  const failing = new Map<string, number>();
  const left = { senders: [...senders], receivers: [...receivers] };
  const running: { role: 'senders' | 'receivers'; life: ProcessLife; process: Process | undefined }[] = [];

  const options = { consumer: { retry: { attempts: 1000, base: '50ms', cap: '200ms' } } } as const;
  const before = ({ order }: { readonly order: string }): void => {
    const times = failing.get(order) ?? 0;
    failing.set(order, times - 1);
    if (times > 0) throw new Error('as the program says');
  };
  async function start(role: 'senders' | 'receivers'): Promise<void> {
    const life = processLife({ name: role, steps: left[role].shift(), counts: hasEffect, clock: system.time.clock });
    const begin = role === 'senders' ? system.start('orders', { relay: true, life }) : subscriber(system, before, { ...options, life });
    running.push({ role, life, process: await begin.catch(() => undefined) });
  }
  /** Restarts processes that died. A restarted sender first repeats its work, which may not have been done. */
  async function revive(): Promise<void> {
    for (
      let dead = running.findIndex(({ life }) => life.dead.aborted);
      dead >= 0;
      dead = running.findIndex(({ life }) => life.dead.aborted)
    ) {
      const [one] = running.splice(dead, 1);
      if (one?.process) await system.run(one.process.kill());
      await start(one?.role ?? 'senders');
      if (one?.role === 'senders') await place();
    }
  }
  async function place(): Promise<void> {
    for (;;) {
      const by = running.find(({ role, life }) => role === 'senders' && !life.dead.aborted)?.process;
      if (!by) return;
      for (const [order, n] of placed) await system.run(by.place(order, n).catch(() => {}));
      if (!running.some(({ life, process }) => process === by && life.dead.aborted)) return;
    }
  }

  try {
    await start('senders');
    await start('receivers');
    await revive();
    for (const one of actions) {
      if (one.kind === 'place') {
        placed.push([one.line, placed.filter(([order]) => order === one.line).length]);
        await place();
      } else if (one.kind === 'fail') failing.set(one.line, one.times);
      else if (one.kind === 'pass') await system.time.pass(one.ms);
      else if (one.kind === 'second receiver') await start('receivers');
      else if (one.kind === 'second sender') await start('senders');
      else if (one.kind === 'crash') running[0]?.life.die('the program');
      else {
        const last = running.pop();
        if (last?.process && !last.life.dead.aborted) await system.run(last.process.close().catch(() => last.process?.kill()));
        await start(last?.role ?? 'receivers');
      }
      await revive();
    }
    const of = (order: string): readonly number[] => placed.filter(([name]) => name === order).map(([, n]) => n);
    for (let rounds = 0; rounds < 600; rounds++) {
      await revive();
      await place();
      await system.time.pass(100);
      const store = running.find(({ role, process }) => role === 'receivers' && process)?.process?.store;
      if (store && (await effects(store)).length >= placed.length && rounds > 5) break;
    }
    await system.time.pass(2000);
    await revive();
    const store = running.find(({ role }) => role === 'receivers')?.process?.store;
    assert.ok(store);
    for (const order of ['a', 'b', 'c']) assert.deepEqual(await numbers(store, order), of(order), `effects of ${order}`);
    assert.equal(await count(store, 'sw_outbox'), placed.length);
    assert.equal(await count(store, 'sw_dead_letter'), 0);
  } finally {
    await system.end();
  }
}

test('any program of publishing, failing, crashing, joining and leaving: effects once, in order of their key', async () => {
  await fc.assert(fc.asyncProperty(fc.record({ actions: fc.array(action, { maxLength: 25 }), senders: lives, receivers: lives }), play), {
    numRuns: 60,
    seed: 42,
  });
});
