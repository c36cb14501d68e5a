import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { embedded } from '../bus/drivers/embedded.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { type CrashPoint, crashPoints } from '../core/crash.ts';
import { systemRandom } from '../core/random.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import { crashAt } from '../testing/crash.ts';
import { subscriber } from './conformance/handling.ts';
import type { Fuse } from './conformance/mortal.ts';
import { count, effects, numbers, type Placed, type World, world } from './conformance/world.ts';
import { deadLetters } from './dead-letters.ts';

/** The same in every process, and twenty times as fast: the leases of the dead are over soon. */
const speed = 20;
const clock: Clock = {
  now: () => systemClock.now() * speed,
  monotonic: () => systemClock.monotonic() * speed,
  after: (ms, run, options) => systemClock.after(ms / speed, run, options),
};

const points = crashPoints.filter((point) => /^(outbox|relay|inbox)\//.test(point));
const each = 2;
const lines = ['good', 'once', 'dead'];

const seaIn = (dir: string): World =>
  world(
    { store: (service, parts) => sqlite({ dir }).open(service, parts), bus: (parts) => embedded({ dir }).open(parts), end: async () => {} },
    { clock, random: systemRandom, pass: (ms) => new Promise((resolve) => systemClock.after(ms / speed, resolve)) },
  );

/** Sender and receiver in one process: a line that works, one whose first event fails once, one whose last dies and is redriven. */
async function child(dir: string, rounds: number, point: string | undefined): Promise<void> {
  const kill = point === undefined ? () => {} : crashAt(point);
  const life: Fuse = { burn: (step) => kill(step as CrashPoint), blow: () => {}, blown: false, at: undefined };
  const sea = seaIn(dir);
  const healed = new Set<string>();
  const before = ({ order, n }: Placed, { attempt }: { readonly attempt: number }): void => {
    if (order.startsWith('once') && n === 0 && attempt === 1) throw new Error('once');
    if (order.startsWith('dead') && n === each - 1 && !healed.has(order)) throw new Error('until it is redriven');
  };
  const sender = await sea.start('orders', { relay: true, fuse: life });
  const receiver = await subscriber(sea, before, {
    fuse: life,
    consumer: { retry: { attempts: 2, base: '100ms', cap: '100ms' }, poll: '100ms' },
  });
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < each; n++) for (const line of lines) await sea.run(sender.place(`${line}/${round}`, n));
  }
  const dead = deadLetters(receiver.mortal, receiver.runtime);
  await sea.until(
    'all have their effects',
    async () => {
      for (const { key } of await dead.list()) healed.add(key);
      await dead.redrive({});
      return (await effects(receiver.store)).length >= rounds * lines.length * each && (await count(sender.store, 'sw_outbox')) === 0;
    },
    400_000,
  );
  await sea.run(receiver.close());
  await sea.run(sender.close());
}

async function live(dir: string, rounds: number, point?: string): Promise<string> {
  const environment = { ...process.env, OUTBOX_CHILD: JSON.stringify({ dir, rounds, point }) };
  const one = spawn(process.execPath, [...process.execArgv.filter((flag) => !flag.startsWith('--test')), import.meta.filename], {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code, signal] = (await once(one, 'exit')) as [number | null, string | null];
  return signal ?? `exit ${code}`;
}

const given = process.env['OUTBOX_CHILD'];
if (given) {
  const { dir, rounds, point } = JSON.parse(given) as { dir: string; rounds: number; point?: string };
  await child(dir, rounds, point);
} else {
  test('kill -9 at each crash point in turn, each after the recovery from the last: effects once, in order', {
    timeout: 120_000,
  }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'seaworthy-kill-'));
    try {
      let rounds = 0;
      for (const point of points) assert.equal(await live(dir, ++rounds, point), 'SIGKILL', `it never came to ${point}`);
      assert.equal(await live(dir, rounds), 'exit 0');
      const sea = seaIn(dir);
      const { store } = await sea.start('stock');
      for (let round = 0; round < rounds; round++) {
        for (const line of lines)
          assert.deepEqual(
            await numbers(store, `${line}/${round}`),
            Array.from({ length: each }, (_, n) => n),
            `${line}/${round}`,
          );
      }
      assert.equal(await count(store, 'sw_outbox'), rounds * lines.length * each);
      await sea.end();
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
}
