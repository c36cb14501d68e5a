import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../testing/clock.ts';
import { breaker } from './breaker.ts';
import { BreakerOpen } from './errors.ts';
import { policyOn } from './policy.ts';
import { jobRetry, RetryBudget, retry } from './retry.ts';
import { boom, fine, quietly, virtualRuntime } from './virtual-runtime.fixture.ts';

test('retry makes `attempts` attempts with full jitter', async () => {
  const { clock, rt } = virtualRuntime();
  const at: number[] = [];
  const all = quietly(
    policyOn(
      rt,
      retry({ attempts: 4, base: '1s', cap: '3s' }),
    )(({ attempt }) => {
      at.push(clock.monotonic());
      assert.equal(attempt, at.length);
      return boom();
    }),
  );
  await clock.advance(20_000);
  await all;
  const waits = at.slice(1).map((time, index) => time - (at[index] as number));
  assert.equal(waits.length, 3);
  for (const [index, most] of [1000, 2000, 3000].entries()) {
    assert.ok((waits[index] as number) >= 0 && (waits[index] as number) <= most, String(waits));
  }
});

test('a wrong request is not retried; a requested wait is obeyed', async () => {
  const { rt } = virtualRuntime();
  for (const error of [
    Object.assign(new Error('wrong'), { status: 404 }),
    Object.assign(new Error('no'), { retryAfterMs: -1 }),
    Object.assign(new Error('long'), { retryAfterMs: 60_000 }),
  ]) {
    let begun = 0;
    await quietly(
      policyOn(
        rt,
        retry(),
      )(() => {
        begun++;
        throw error;
      }),
    );
    assert.equal(begun, 1, error.message);
  }
});

test('a retry waits as long as the callee asks', async () => {
  const { clock, rt } = virtualRuntime();
  const at: number[] = [];
  const all = policyOn(
    rt,
    retry({ attempts: 2, cap: '2s' }),
  )(() => {
    at.push(clock.monotonic());
    if (at.length === 1) throw Object.assign(new Error('later'), { retryAfterMs: 1500 });
    return 'fine';
  });
  await clock.advance(1490);
  assert.equal(at.length, 1);
  await clock.advance(200);
  assert.equal(await all, 'fine');
});

test('a budget ends a storm of retries', async () => {
  const { rt } = virtualRuntime();
  const budget = new RetryBudget(10);
  let begun = 0;
  const guard = policyOn(rt, retry({ attempts: 5, base: '0ms', budget }));
  for (let call = 0; call < 50; call++) {
    await quietly(
      guard(() => {
        begun++;
        return boom();
      }),
    );
  }
  assert.ok(begun < 60, `${begun} tries for 50 calls`);
});

test('a backoff is a number after any number of attempts', () => {
  assert.equal(retry({ attempts: 9999, base: '0ms' }).waitMs(2000, new Error('failed'), seededRandom(1)), 0);
  const wait = retry({ attempts: 9999 }).waitMs(5000, new Error('failed'), { next: () => 0.5 });
  assert.equal(wait, 1000);
});

test('jobRetry waits from 2 s to 10 s', () => {
  const longest = { next: () => 0.999_999 };
  const waits = [1, 2].map((tried) => Math.round(jobRetry().waitMs(tried, new Error('failed'), longest) as number));
  assert.deepEqual(waits, [2000, 4000]);
  assert.equal(Math.round(jobRetry({ attempts: 9 }).waitMs(8, new Error('failed'), longest) as number), 10_000);
});

test('the caller gets the error of the work if `when` throws', async () => {
  const guard = policyOn(
    virtualRuntime().rt,
    retry({
      when: () => {
        throw new Error('when is broken');
      },
    }),
  );
  await assert.rejects(guard(boom), /boom/);
});

test('local rejections take nothing from the budget', () => {
  const budget = new RetryBudget(2);
  const refused = retry({ attempts: 99, budget });
  for (let call = 0; call < 9; call++) refused.waitMs(1, new BreakerOpen('open', { retryAfterMs: 1 }), seededRandom(1));
  assert.equal(budget.open, true);
  refused.waitMs(1, new Error('failed'), seededRandom(1));
  assert.equal(budget.open, false);
});

test('retry waits for a breaker that soon admits a probe, and not for one that stays open', async () => {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failures: 1, openFor: '1s' });
  const guard = policyOn(rt, retry({ attempts: 3, base: '10ms' }), health);
  let begun = 0;
  const work = (): Promise<string> => (++begun === 1 ? boom() : fine());
  assert.equal(await clock.run(guard(work)), 'fine');
  assert.equal(begun, 2);
  const shut = breaker({ runtime: rt, failures: 1 });
  const error = await clock.run(quietly(policyOn(rt, retry({ base: '0ms' }), shut)(boom)));
  assert.ok(error instanceof BreakerOpen);
  assert.ok(clock.monotonic() < 5000);
});
