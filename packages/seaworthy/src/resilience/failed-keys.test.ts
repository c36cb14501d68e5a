import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailedKeys } from './failed-keys.ts';
import { type BreakerOptions, breaker, type Classification } from './index.ts';
import { policyOn } from './policy.ts';
import { fine, quietly, virtualRuntime } from './virtual-runtime.fixture.ts';

type How = 'down' | 'fault' | 'absent' | 'well';
const errors: Readonly<Record<Exclude<How, 'well'>, Error>> = {
  down: Object.assign(new Error('no answer'), { code: 'ECONNRESET' }),
  fault: Object.assign(new Error('the handler failed'), { classification: 'fault' }),
  absent: Object.assign(new Error('nobody listens'), { code: 'ECONNREFUSED', syscall: 'connect' }),
};
const classify = (error: unknown): Classification => (error as { classification?: Classification }).classification ?? 'failure';

function world(options: BreakerOptions) {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt, classify, openFor: '1s', openForMax: '30s', successes: 1, ...options });
  const guard = policyOn(rt, health);
  const ask = (how: How, key?: string): Promise<unknown> =>
    quietly(guard(() => (how === 'well' ? fine() : Promise.reject(errors[how])), { key }));
  const often = async (times: number, how: How, key?: (time: number) => string): Promise<void> => {
    for (let time = 0; time < times; time++) await ask(how, key?.(time));
  };
  /** Returns the milliseconds until the open breaker is half-open. */
  const openMs = async (): Promise<number> => {
    const begun = clock.monotonic();
    while (health.state === 'open' || health.mode !== 'auto') {
      await clock.advance(10);
      await quietly(guard(() => Promise.reject(Object.assign(new Error('left'), { name: 'AbortError', classification: 'ignored' }))));
    }
    return clock.monotonic() - begun;
  };
  return { clock, health, ask, often, openMs };
}

test('repeated failures under one key count once', async () => {
  const { health, often } = world({ failures: 5, failureRate: 0.5, minimumCalls: 6 });
  await often(50, 'down', () => 'one');
  await often(50, 'fault', () => 'two');
  assert.deepEqual([health.state, health.counts.failuresInARow, health.counts.failures], ['closed', 1, 2]);
  await often(4, 'down', (time) => `other ${time}`);
  assert.equal(health.state, 'open');
});

test('without a key, and with an absent callee, each failure counts', async () => {
  for (const [how, key] of [
    ['down', undefined],
    ['absent', () => 'one'],
  ] as const) {
    const { health, often } = world({ failures: 5 });
    await often(5, how, key);
    assert.equal(health.state, 'open');
  }
});

test('a failure counts again under a key that has succeeded since', async () => {
  const { health, ask } = world({ failures: 2 });
  await ask('down', 'one');
  await ask('well', 'one');
  await ask('down', 'one');
  assert.equal(health.counts.failuresInARow, 1);
});

test('faults open the breaker by their rate, and never in a row', async () => {
  const { health, often } = world({ failures: 2, failureRate: 0.5, minimumCalls: 10 });
  await often(9, 'fault');
  assert.equal(health.state, 'closed');
  await often(1, 'fault');
  assert.equal(health.state, 'open');
  const few = world({ failures: 2, failureRate: 0.5, minimumCalls: 10 });
  await few.often(100, 'well');
  await few.often(90, 'fault');
  assert.equal(few.health.state, 'closed');
});

test('a probe with a fault closes a breaker that opened without answers, and not one that opened by its rate', async () => {
  const gone = world({ failures: 2, failureRate: 0.9, minimumCalls: 10 });
  await gone.often(2, 'down');
  await gone.clock.advance(1000);
  await gone.ask('fault');
  assert.equal(gone.health.state, 'closed');
  const ill = world({ failures: 2, failureRate: 0.9, minimumCalls: 10 });
  await ill.often(10, 'fault');
  await ill.clock.advance(1000);
  await ill.ask('fault');
  assert.equal(ill.health.state, 'open');
});

test('a failed probe under a key that has failed before is released', async () => {
  for (const how of ['fault', 'down'] as const) {
    const { clock, health, ask, often } = world({ failures: 5, failureRate: 0.9, minimumCalls: 10, probes: 1 });
    await ask(how, 'one');
    await often(10, how);
    assert.equal(health.state, 'open');
    await clock.advance(1000);
    await ask(how, 'one');
    assert.equal(health.state, 'half-open');
    await ask('well');
    assert.equal(health.state, 'closed');
  }
});

test('the open time grows with each failed probe, but not while the callee is absent', async () => {
  const { health, often, ask, openMs } = world({ failures: 2, successes: 1 });
  await often(2, 'down');
  const waits: number[] = [];
  for (const how of ['down', 'down', 'down', 'down', 'absent', 'absent', 'absent'] as const) {
    waits.push(await openMs());
    assert.equal(health.state, 'half-open');
    await ask(how);
  }
  waits.push(await openMs());
  assert.equal(waits[0], 1000);
  assert.ok((waits[4] as number) >= 8000);
  assert.deepEqual(waits.slice(5), [1000, 1000, 1000]);
});

test('failed keys are forgotten after ten minutes, or beyond 200 keys', () => {
  const repeats = new FailedKeys();
  assert.deepEqual([repeats.failed('a', 0), repeats.failed('a', 500_000), repeats.failed('a', 1_000_000)], [false, true, true]);
  assert.equal(repeats.failed('a', 1_700_000), false);
  for (let n = 0; n < 200; n++) repeats.failed(`key ${n}`, 1_700_000);
  assert.equal(repeats.failed('a', 1_700_000), false);
});
