import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thrown } from '../core/conformance/thrown.ts';
import { breaker } from './breaker.ts';
import { bulkhead } from './bulkhead.ts';
import { classify, isAbsent, isLate, retryAfterOf } from './classify.ts';
import { fallback, timeout } from './parts.ts';
import { policyOn } from './policy.ts';
import { retry } from './retry.ts';
import { virtualRuntime } from './virtual-runtime.fixture.ts';

const gotcha = (): never => {
  throw new Error('gotcha');
};
const hostile: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(Object.entries(thrown).map(([what, [value]]) => [what, value])),
  ...Object.fromEntries(
    ['retryAfterMs', 'status', 'statusCode', 'name', 'code', 'syscall', 'absent', 'cause', 'kind', 'then'].map((name) => [
      `a getter of ${name} that throws`,
      Object.defineProperty(new Error('no'), name, { get: gotcha }),
    ]),
  ),
};

for (const [what, value] of Object.entries(hostile))
  test(`the outcome is unchanged and the slot is released when work throws: ${what}`, async () => {
    for (const throws of [
      () => {
        throw value;
      },
      () => Promise.reject(value),
    ]) {
      const { clock, rt } = virtualRuntime();
      const slots = bulkhead({ limit: 1, queue: 0 });
      const health = breaker({ failures: 100, runtime: rt });
      let runs = 0;
      const guard = policyOn(rt, retry({ attempts: 3, base: '1ms' }), health, slots, timeout('10s'));
      const outcome = await clock.run(
        guard(() => {
          runs++;
          return throws();
        }).then(
          () => assert.fail('it resolved'),
          (error: unknown) => [error],
        ),
      );
      assert.ok(Object.is(outcome[0], value));
      await clock.advance(20); // the wheel's last turn
      assert.deepEqual([slots.running, clock.waiting], [0, 0]);
      assert.ok(runs === 3 || classify(value) === 'ignored');
      const instead = policyOn(
        rt,
        health,
        fallback(() => 'instead'),
      );
      assert.equal(await instead(throws), 'instead');
      for (const read of [classify, isLate, isAbsent, retryAfterOf]) read(value);
    }
  });

test('work that resolves to an unreadable value rejects and releases its slot', async () => {
  const { rt } = virtualRuntime();
  const slots = bulkhead({ limit: 1, queue: 0 });
  const guard = policyOn(rt, slots, timeout('10s'));
  for (const result of [thrown['revoked proxy']?.[0], Object.defineProperty({}, 'then', { get: gotcha })]) {
    await assert.rejects(guard(() => result));
    assert.equal(slots.running, 0);
  }
});
