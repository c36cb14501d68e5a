import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breaker } from './breaker.ts';
import { bulkhead } from './bulkhead.ts';
import { BreakerOpen } from './errors.ts';
import { timeout } from './parts.ts';
import { policyOn } from './policy.ts';
import { boom, fine, held, opened, quietly, virtualRuntime } from './virtual-runtime.fixture.ts';

test('by default a breaker opens after 5 failures in a row, for 30 s, and closes after 2 successes', async () => {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt });
  const guard = policyOn(rt, health);
  for (let failure = 0; failure < 4; failure++) await quietly(guard(boom));
  await guard(fine);
  for (let failure = 0; failure < 4; failure++) await quietly(guard(boom));
  assert.equal(health.state, 'closed');
  await quietly(guard(boom));
  assert.equal(health.state, 'open');
  const refused = (await quietly(guard(fine))) as BreakerOpen;
  assert.ok(refused instanceof BreakerOpen);
  assert.equal(refused.retryAfterMs, 30_000);
  await clock.advance(29_999);
  await assert.rejects(guard(fine), BreakerOpen);
  await clock.advance(1);
  await guard(fine);
  assert.equal(health.state, 'half-open');
  await guard(fine);
  assert.equal(health.state, 'closed');
});

test('an ignored probe is released', async () => {
  const { clock, health, guard } = await opened({ probes: 1 });
  await clock.advance(10_000);
  const wrong = Object.assign(new Error('wrong'), { status: 400 });
  for (let call = 0; call < 5; call++)
    await assert.rejects(
      guard(() => Promise.reject(wrong)),
      /wrong/,
    );
  assert.equal(health.state, 'half-open');
  await guard(fine);
  await guard(fine);
  assert.equal(health.state, 'closed');
});

test('a timeout of the policy is a failure', async () => {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failures: 2 });
  const guard = policyOn(rt, health, timeout('1s'));
  const both = [quietly(guard(held().work)), quietly(guard(held().work))];
  await clock.advance(1020);
  await Promise.all(both);
  assert.equal(health.state, 'open');
});

test('a breaker opens by the rate of failures and by the rate of slow calls', async () => {
  const { clock, rt } = virtualRuntime();
  const byRate = breaker({ runtime: rt, failureRate: 0.5, minimumCalls: 4, window: '10s' });
  const one = policyOn(rt, byRate);
  for (const work of [fine, boom, fine]) await quietly(one(work));
  assert.equal(byRate.state, 'closed');
  await quietly(one(boom));
  assert.equal(byRate.state, 'open');
  const bySlowness = breaker({ runtime: rt, slowRate: 0.5, slowAfter: '1s', minimumCalls: 2, window: '10s' });
  const two = policyOn(rt, bySlowness);
  const hold = held();
  const slow = two(hold.work);
  await clock.advance(1000);
  await two(fine);
  assert.equal(bySlowness.state, 'closed');
  hold.succeed(0);
  await slow;
  assert.equal(bySlowness.state, 'open');
});

test("a breaker stays open as long as the callee's Retry-After asks, and with openForMax longer each time", async () => {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failures: 1, openFor: '1s' });
  const guard = policyOn(rt, health);
  await quietly(guard(() => Promise.reject(Object.assign(new Error('later'), { retryAfterMs: 60_000 }))));
  await clock.advance(59_000);
  await assert.rejects(guard(fine), BreakerOpen);
  await clock.advance(1000);
  assert.equal(await guard(fine), 'fine');
  const growing = breaker({ runtime: rt, failures: 1, openFor: '1s', openForMax: '1h' });
  const grown = policyOn(rt, growing);
  let last = 0;
  for (let round = 0; round < 6; round++) {
    await quietly(grown(boom));
    last = ((await quietly(grown(fine))) as BreakerOpen).retryAfterMs as number;
    await clock.advance(last);
  }
  assert.ok(last >= 16_000 && last <= 32_000, String(last));
});

test('a breaker can be forced open, disabled, set to metrics only and back to auto', async () => {
  const { health, guard } = await opened();
  health.set('disabled');
  assert.equal(await guard(fine), 'fine');
  health.set('metrics-only');
  for (let call = 0; call < 9; call++) await quietly(guard(boom));
  assert.equal(await guard(fine), 'fine');
  health.set('forced-open');
  const refused = (await quietly(guard(fine))) as BreakerOpen;
  assert.equal(refused.retryAfterMs, undefined);
  health.set('auto');
  assert.equal(health.state, 'open');
});

test('new options keep the counts', async () => {
  const { rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failureRate: 0.9, minimumCalls: 10, window: '10s' });
  const guard = policyOn(rt, health);
  for (let call = 0; call < 9; call++) await quietly(guard(call % 2 ? fine : boom));
  health.configure({ failureRate: 0.5, minimumCalls: 10, window: '10s' });
  await quietly(guard(boom));
  assert.equal(health.state, 'open');
});

test('with slowStart a closed breaker admits a growing share of the calls', async () => {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failures: 1, openFor: '1s', successes: 1, slowStart: '10s' });
  const guard = policyOn(rt, health);
  await quietly(guard(boom));
  await clock.advance(1000);
  await guard(fine);
  const admitted = async (): Promise<number> => {
    let count = 0;
    for (let call = 0; call < 200; call++) if ((await quietly(guard(fine))) === 'fine') count++;
    return count;
  };
  const early = await admitted();
  await clock.advance(5000);
  const half = await admitted();
  await clock.advance(5000);
  assert.ok(early > 0 && early < 60, String(early));
  assert.ok(half > 70 && half < 150, String(half));
  assert.equal(await admitted(), 200);
});

test('results of calls from an earlier closed state count in no rate', async () => {
  const { rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failureRate: 0.5, minimumCalls: 2, openFor: '1s', successes: 1, window: '1m' });
  const late = Array.from({ length: 4 }, () => health.admit(0));
  for (let call = 0; call < 2; call++) health.failed(health.admit(0), 0, new Error('failed'));
  health.succeeded(health.admit(1000), 1000);
  assert.equal(health.state, 'closed');
  for (const one of late) health.failed(one, 1001, new Error('failed'));
  assert.deepEqual(health.counts, { calls: 0, failures: 0, slow: 0, failuresInARow: 0 });
});

test('a success that completes minimumCalls can open the breaker', () => {
  const health = breaker({ runtime: virtualRuntime().rt, failureRate: 0.5, minimumCalls: 10 });
  for (let call = 0; call < 9; call++) health.failed(health.admit(0), 0, new Error('failed'));
  assert.equal(health.state, 'closed');
  health.succeeded(health.admit(0), 0);
  assert.equal(health.state, 'open');
});

test('a probe whose lease has passed has failed once, whatever its outcome is', () => {
  const health = breaker({
    runtime: virtualRuntime().rt,
    failures: 1,
    openFor: '1s',
    successes: 2,
    probeFailures: 1,
    probeLease: '1s',
    probes: 1,
  });
  health.failed(health.admit(0), 0, new Error('failed'));
  const hung = health.admit(1000);
  const next = health.admit(2000);
  health.failed(hung, 2001, new Error('failed'));
  assert.equal(health.state, 'half-open');
  health.succeeded(hung, 2002);
  health.succeeded(next, 2003);
  assert.equal(health.state, 'half-open', 'one probe was well, not two');
  health.succeeded(health.admit(2004), 2004);
  assert.equal(health.state, 'closed');
});

test('the time in the queue of the bulkhead does not make a call slow', async () => {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt, slowRate: 0.9, slowAfter: '1s', minimumCalls: 1, window: '1m' });
  const ward = bulkhead({ limit: 1 });
  const hold = held();
  const first = policyOn(rt, ward)(hold.work);
  const queued = policyOn(rt, health, ward)(fine);
  await clock.advance(5000);
  hold.succeed();
  await Promise.all([first, queued]);
  assert.equal(health.state, 'closed');
  assert.equal(health.counts.calls, 1);
});

test('classify decides about timeouts too, and an error that it throws changes no outcome', async () => {
  const { clock, rt } = virtualRuntime();
  const lenient = breaker({ runtime: rt, failures: 1, classify: () => 'ignored' });
  await clock.run(quietly(policyOn(rt, lenient, timeout('100ms'))(held().work)));
  assert.equal(lenient.state, 'closed');
  const broken = breaker({
    runtime: rt,
    failures: 1,
    classify: () => {
      throw new Error('classify is broken');
    },
  });
  assert.match(String(await clock.run(quietly(policyOn(rt, broken, timeout('1s'))(boom)))), /boom/);
  assert.equal(broken.state, 'open');
});

test('an error that classify takes for a success ends a row of failures', async () => {
  const { rt } = virtualRuntime();
  const declared = new Error('out of stock');
  const health = breaker({ runtime: rt, failures: 2, classify: (error) => (error === declared ? 'success' : 'failure') });
  const guard = policyOn(rt, health);
  for (let round = 0; round < 3; round++) {
    await quietly(guard(boom));
    await assert.rejects(
      guard(() => Promise.reject(declared)),
      /out of stock/,
    );
  }
  assert.equal(health.state, 'closed');
});

test('a mode that is set while half-open starts the probes again', () => {
  const health = breaker({ runtime: virtualRuntime().rt, failures: 1, openFor: '1s', successes: 1, probes: 1 });
  health.failed(health.admit(0), 0, new Error('failed'));
  const lost = health.admit(1000);
  health.set('disabled');
  health.set('auto');
  const probe = health.admit(1001);
  health.failed(lost, 1002, new Error('failed'));
  assert.equal(health.state, 'half-open');
  health.succeeded(probe, 1003);
  assert.equal(health.state, 'closed');
});

test('a requested wait of more than an hour is cut to an hour, and nonsense is ignored', () => {
  const waitAfter = (retryAfterMs: number): number => {
    const health = breaker({ runtime: virtualRuntime().rt, failures: 1 });
    health.failed(health.admit(0), 0, Object.assign(new Error('later'), { retryAfterMs }));
    try {
      health.admit(0);
    } catch (error) {
      return (error as BreakerOpen).retryAfterMs as number;
    }
    throw new Error('it is not open');
  };
  assert.deepEqual([Number.POSITIVE_INFINITY, Number.NaN, -1, 60_000].map(waitAfter), [3_600_000, 30_000, 30_000, 60_000]);
});

test('new options apply to later calls; calls in flight no longer count', () => {
  const health = breaker({ runtime: virtualRuntime().rt });
  const before = health.admit(0);
  health.configure({ slowRate: 0.5, slowAfter: '1s', minimumCalls: 1 });
  health.succeeded(before, 50_000);
  assert.equal(health.state, 'closed');
  assert.equal(health.counts.calls, 0);
});
