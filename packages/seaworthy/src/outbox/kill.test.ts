import assert from 'node:assert/strict';
import { embedded } from '../bus/drivers/embedded.ts';
import { crashPoints } from '../core/crash.ts';
import { systemRandom } from '../core/random.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import { crashAt } from '../testing/crash.ts';
import { fastClock, killTests } from '../testing/kill.fixture.ts';
import { subscriber } from './conformance/handling.ts';
import { count, effects, numbers, type Placed, type World, world } from './conformance/world.ts';
import { deadLetters } from './dead-letters.ts';

const points = crashPoints.filter((point) => /^(outbox|relay|inbox)\//.test(point));
const each = 2;
const lines = ['good', 'once', 'dead'];

interface Play {
  readonly rounds: number;
  /** Where it is killed. Default: nowhere. */
  readonly point?: string;
}

const worldIn = (dir: string): World =>
  world(
    { store: (service, parts) => sqlite({ dir }).open(service, parts), bus: (parts) => embedded({ dir }).open(parts), end: async () => {} },
    { clock: fastClock, random: systemRandom, pass: fastClock.advance },
  );

/** Sender and receiver in one process: a line that works, one whose first event fails once, one whose last dies and is redriven. */
async function child(dir: string, { rounds, point }: Play): Promise<void> {
  const reached = point === undefined ? () => {} : crashAt(point);
  const here = worldIn(dir);
  const healed = new Set<string>();
  const before = ({ order, n }: Placed, { attempt }: { readonly attempt: number }): void => {
    if (order.startsWith('once') && n === 0 && attempt === 1) throw new Error('once');
    if (order.startsWith('dead') && n === each - 1 && !healed.has(order)) throw new Error('until it is redriven');
  };
  const sender = await here.start('orders', { relay: true, reached });
  const receiver = await subscriber(here, before, {
    reached,
    consumer: { retry: { attempts: 2, base: '100ms', cap: '100ms' }, poll: '100ms' },
  });
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < each; n++) for (const line of lines) await here.run(sender.place(`${line}/${round}`, n));
  }
  const dead = deadLetters(receiver.crashable, receiver.runtime);
  await here.until(
    'all have their effects',
    async () => {
      for (const { key } of await dead.list()) healed.add(key);
      await dead.redrive({});
      return (await effects(receiver.store)).length >= rounds * lines.length * each && (await count(sender.store, 'sw_outbox')) === 0;
    },
    400_000,
  );
  await here.run(receiver.close());
  await here.run(sender.close());
}

await killTests(import.meta.filename, child, [
  {
    name: 'kill -9 at each crash point in turn, each after the recovery from the last: effects once, in order',
    async body(dir, live) {
      let rounds = 0;
      for (const point of points) assert.equal(await live({ rounds: ++rounds, point }), 'SIGKILL', `it never came to ${point}`);
      assert.equal(await live({ rounds }), 'exit 0');
      const one = worldIn(dir);
      const { store } = await one.start('stock');
      for (let round = 0; round < rounds; round++) {
        for (const line of lines)
          assert.deepEqual(
            await numbers(store, `${line}/${round}`),
            Array.from({ length: each }, (_, n) => n),
            `${line}/${round}`,
          );
      }
      assert.equal(await count(store, 'sw_outbox'), rounds * lines.length * each);
      await one.end();
    },
  },
]);
