import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline, DeadlineExceeded } from '../core/deadline.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { breaker } from './breaker.ts';
import { bulkhead } from './bulkhead.ts';
import { deadline, type PolicyPart, timeout } from './parts.ts';
import { policyOn } from './policy.ts';
import { RetryBudget, retry } from './retry.ts';
import { boom, fine, quietly, virtualRuntime } from './virtual-runtime.fixture.ts';

const hangs = (): Promise<never> => new Promise(() => {});
/** The answer of a callee whose deadline, which came with the call, has passed. */
const gatewayTimeout = (): Promise<never> => Promise.reject(Object.assign(new Error('too late'), { status: 504 }));

/** Makes a policy of a breaker and these parts, and calls that the caller gives a deadline. */
function world(parts: readonly PolicyPart[], options: Parameters<typeof breaker>[0] = {}) {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ failures: 3, openFor: '10s', runtime: rt, ...options });
  const guard = policyOn(rt, health, ...parts);
  const ask = (work: () => Promise<unknown>, within?: Duration, usual?: Duration): Promise<unknown> => {
    const at = within && new Deadline(clock, clock.monotonic() + milliseconds(within), usual && milliseconds(usual));
    return clock.run(quietly(guard(work, { deadline: at })));
  };
  const often = async (times: number, ...call: Parameters<typeof ask>): Promise<void> => {
    for (let time = 0; time < times; time++) await ask(...call);
  };
  return { clock, rt, health, guard, ask, often };
}

test('a callee that hangs opens the breaker, unless the callers give it less time than the policy allots', async () => {
  for (const [parts, less, all] of [
    [[timeout('100ms')], '60ms', '1s'],
    [[deadline('100ms')], '60ms', '1s'],
    [[timeout('100ms'), deadline('1s')], '60ms', '1s'],
    [[timeout('100ms'), bulkhead({ limit: 100 })], '60ms', '1s'],
    [[], '4s', '5s'],
  ] as const) {
    const { health, often } = world(parts);
    await often(20, hangs, less);
    assert.equal(health.state, 'closed');
    await often(3, hangs, all);
    assert.equal(health.state, 'open');
  }
});

test('a call with a deadline shorter than its usual time is shortened', async () => {
  const { health, often } = world([]);
  await often(20, hangs, '300ms', '1s');
  assert.equal(health.state, 'closed');
  await often(3, hangs, '1s', '1s');
  assert.equal(health.state, 'open');
});

test('a failure of a shortened call that is not a timeout counts', async () => {
  const { health, often } = world([timeout('1s')]);
  await often(20, gatewayTimeout, '20ms');
  assert.equal(health.state, 'closed');
  await often(3, boom, '20ms');
  assert.equal(health.state, 'open');
});

test('a timeout that the callee reports counts if it had the whole time', async () => {
  const { health, often } = world([timeout('1s')]);
  await often(3, gatewayTimeout, '2s');
  assert.equal(health.state, 'open');
});

test('the last attempt does not count if the deadline left it little time', async () => {
  const { health, ask } = world([deadline('1s'), timeout('450ms'), retry({ attempts: 5, base: '1ms' })], { failures: 100 });
  assert.ok((await ask(hangs)) instanceof DeadlineExceeded);
  assert.equal(health.counts.failuresInARow, 2);
});

test('the time in the queue of the bulkhead is not time that the callee had', async () => {
  const { clock, health, guard, rt } = world([bulkhead({ limit: 1 })], { failures: 1 });
  const slow = quietly(guard(() => new Promise((resolve) => rt.clock.after(9000, () => resolve(undefined)))));
  const queued = quietly(guard(hangs, { deadline: Deadline.after(clock, '10s') }));
  await clock.run(Promise.all([slow, queued]));
  assert.ok((await queued) instanceof DeadlineExceeded);
  assert.equal(health.state, 'closed');
});

test('a shortened probe is released', async () => {
  const { clock, health, ask, often } = world([timeout('1s')], { probes: 1, successes: 1 });
  await often(3, boom);
  assert.equal(health.state, 'open');
  await clock.advance(10_000);
  await ask(hangs, '20ms');
  assert.equal(health.state, 'half-open');
  await ask(fine);
  assert.equal(health.state, 'closed');
});

test('a shortened call counts as slow if it took slowAfter', async () => {
  const { health, often } = world([timeout('1s')], { slowRate: 1, slowAfter: '100ms', minimumCalls: 3 });
  await often(20, hangs, '50ms');
  assert.deepEqual([health.state, health.counts.calls], ['closed', 0]);
  await often(3, hangs, '200ms');
  assert.equal(health.state, 'open');
});

test('an abort at the deadline counts as a timeout', async () => {
  const { clock, health, guard } = world([timeout('1h')], { failures: 1 });
  const leaving = new AbortController();
  const call = quietly(guard(hangs, { signal: leaving.signal, deadline: new Deadline(clock, 5000, 5000) }));
  await clock.advance(4999);
  clock.after(1, () => leaving.abort(new Error('time is over')));
  await clock.run(call);
  assert.equal(health.state, 'open');
});

test('a timeout of an outer policy counts in the inner breaker if the call had the whole time', async () => {
  const { clock, rt, health, guard } = world([], { failures: 1 });
  const outer = policyOn(rt, timeout('500ms'));
  const behind = (waitMs: number): Promise<unknown> =>
    clock.run(
      quietly(
        outer(async ({ signal }) => {
          await new Promise<void>((resolve) => clock.after(waitMs, resolve));
          return guard(hangs, { signal });
        }),
      ),
    );
  await behind(200);
  assert.equal(health.state, 'closed', 'it had 300 ms of 500');
  await behind(0);
  assert.equal(health.state, 'open');
});

test('shortened calls take nothing from the retry budget', async () => {
  const budget = new RetryBudget(4);
  const { often } = world([timeout('1s'), retry({ attempts: 2, base: '1ms', budget })], { failures: 1000 });
  await often(50, gatewayTimeout, '500ms');
  assert.ok(budget.open);
  await often(3, gatewayTimeout, '2s');
  assert.ok(!budget.open);
});
