import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeadlineExceeded } from '../core/deadline.ts';
import { breaker } from './breaker.ts';
import { bulkhead } from './bulkhead.ts';
import { BreakerOpen, BulkheadFull } from './errors.ts';
import { deadline } from './parts.ts';
import { policyOn } from './policy.ts';
import { fine, held, opened, quietly, virtualRuntime } from './virtual-runtime.fixture.ts';

test('a bulkhead runs `limit` calls, queues `queue` calls in order and rejects the rest', async () => {
  const { rt } = virtualRuntime();
  const ward = bulkhead({ limit: 1, queue: 2 });
  const guard = policyOn(rt, ward);
  const hold = held();
  const all = [guard(hold.work), guard(hold.work), guard(hold.work)];
  await assert.rejects(guard(hold.work), BulkheadFull);
  assert.deepEqual([ward.running, ward.waiting, hold.begun], [1, 2, 1]);
  for (const one of all) {
    hold.succeed();
    await one;
  }
  assert.deepEqual([ward.running, ward.waiting], [0, 0]);
});

test('a queued call that is aborted or passes its deadline leaves the queue', async () => {
  const { clock, rt } = virtualRuntime();
  const ward = bulkhead({ limit: 1, queue: 5 });
  const guard = policyOn(rt, ward, deadline('1s'));
  const hold = held();
  const first = quietly(policyOn(rt, ward)(hold.work));
  const leaving = new AbortController();
  const left = quietly(guard(fine, { signal: leaving.signal }));
  const late = quietly(guard(fine));
  assert.equal(ward.waiting, 2);
  leaving.abort(new Error('left'));
  assert.match(String(await left), /left/);
  assert.equal(ward.waiting, 1);
  await clock.advance(1020);
  assert.ok((await late) instanceof DeadlineExceeded);
  assert.equal(ward.waiting, 0);
  hold.succeed();
  await first;
  assert.equal(ward.running, 0);
});

test('the breaker admits a queued call again before it runs, and rejects it if it has opened meanwhile', async () => {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failures: 1 });
  const ward = bulkhead({ limit: 1, queue: 100 });
  const guard = policyOn(rt, health, ward);
  const hold = held();
  const all = Array.from({ length: 50 }, () => quietly(guard(hold.work)));
  await clock.advance(0);
  hold.fail();
  const [first, ...others] = await Promise.all(all);
  assert.match(String(first), /failed/);
  assert.ok(others.every((error) => error instanceof BreakerOpen));
  assert.deepEqual([hold.begun, ward.running, ward.waiting], [1, 0, 0]);
});

test('a queued call is not a probe', async () => {
  const { clock, rt, health } = await opened({ probes: 1, successes: 1 });
  const ward = bulkhead({ limit: 1 });
  const hold = held();
  const hog = policyOn(rt, ward)(hold.work);
  await clock.advance(10_000);
  const waiting = policyOn(rt, health, ward)(fine);
  assert.equal(await policyOn(rt, health)(fine), 'fine');
  assert.equal(health.state, 'closed');
  hold.succeed();
  assert.equal(await waiting, 'fine');
  await hog;
});

test('a long queue of work that settles at once does not overflow the stack', async () => {
  const { rt } = virtualRuntime();
  const ward = bulkhead({ limit: 1, queue: 20_000 });
  const guard = policyOn(rt, ward);
  const hold = held();
  const order: number[] = [];
  const all = [guard(hold.work), ...Array.from({ length: 20_000 }, (_, index) => guard(() => void order.push(index)))];
  hold.succeed();
  await Promise.all(all);
  assert.equal(ward.running, 0);
  assert.ok(order.length === 20_000 && order.every((value, index) => value === index));
});

test('no call overtakes the queue, not even one that queued work makes', async () => {
  const { rt } = virtualRuntime();
  const guard = policyOn(rt, bulkhead({ limit: 1, queue: 9 }));
  const hold = held();
  const order: string[] = [];
  const late: Promise<unknown>[] = [];
  const first = guard(hold.work);
  const second = guard(() => {
    order.push('second');
    late.push(guard(() => void order.push('late')));
  });
  const third = guard(() => void order.push('third'));
  hold.succeed();
  await Promise.all([first, second, third]);
  await Promise.all(late);
  assert.deepEqual(order, ['second', 'third', 'late']);
});

test('a thenable that settles twice releases its slot once', async () => {
  const { rt } = virtualRuntime();
  const ward = bulkhead({ limit: 2 });
  const hold = held();
  const guard = policyOn(rt, ward);
  const other = guard(hold.work);
  const twice = {
    // biome-ignore lint/suspicious/noThenProperty: the point of the test
    then(yes: (value: string) => void): void {
      yes('once');
      yes('twice');
    },
  } as unknown as PromiseLike<string>;
  assert.equal(await guard(() => twice), 'once');
  assert.equal(ward.running, 1);
  hold.succeed();
  await other;
});
