import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { breaker } from './breaker.ts';
import { bulkhead } from './bulkhead.ts';
import { AttemptTimeout, BreakerOpen, BulkheadFull } from './errors.ts';
import { deadline, timeout } from './parts.ts';
import { policyOn } from './policy.ts';
import { retry } from './retry.ts';
import { boom, fine, held, opened, quietly, ticks, virtualRuntime } from './virtual-runtime.fixture.ts';

test('a late failure does not open a half-open breaker, and a late success does not close it (cockatiel 4, opossum 10)', async () => {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failures: 2, openFor: '10s' });
  const guard = policyOn(rt, health);
  const hold = held();
  const late = [quietly(guard(hold.work)), quietly(guard(hold.work)), quietly(guard(hold.work))];
  hold.fail(0);
  await quietly(guard(boom));
  assert.equal(health.state, 'open');
  await clock.advance(10_000);
  await guard(fine);
  assert.equal(health.state, 'half-open');
  hold.fail(1);
  hold.succeed(2);
  await Promise.all(late);
  assert.equal(health.state, 'half-open');
});

test('callers do not wait for a probe that hangs (cockatiel 4)', async () => {
  const { clock, guard } = await opened({ probes: 1 });
  await clock.advance(10_000);
  const hold = held();
  const probe = guard(hold.work);
  for (let caller = 0; caller < 1000; caller++) {
    const refused = (await quietly(guard(fine))) as BreakerOpen;
    assert.ok(refused instanceof BreakerOpen && (refused.retryAfterMs as number) > 0);
  }
  hold.succeed();
  await probe;
});

test('after an idle hour the window has no old failures (cockatiel 4)', async () => {
  const { clock, rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failureRate: 0.5, minimumCalls: 10, window: '10s' });
  const guard = policyOn(rt, health);
  for (let call = 0; call < 9; call++) await quietly(guard(boom));
  await clock.advance(3_600_000);
  await quietly(guard(boom));
  for (let call = 0; call < 8; call++) await guard(fine);
  assert.equal(health.state, 'closed');
});

test('an abort during the backoff ends it at once with the reason of the abort, and calls nothing again (cockatiel 4)', async () => {
  const { clock, rt } = virtualRuntime();
  const leaving = new AbortController();
  let begun = 0;
  const all = quietly(
    policyOn(rt, retry({ attempts: 5, base: '10s', cap: '10s' }))(
      () => {
        begun++;
        return boom();
      },
      { signal: leaving.signal },
    ),
  );
  await ticks();
  leaving.abort(new Error('left'));
  assert.match(String(await all), /left/);
  await clock.advance(60_000);
  assert.equal(begun, 1);
  assert.equal(clock.waiting, 0);
});

test('a caller that aborts gets its own reason, not a timeout, and opens no breaker (cockatiel 4)', async () => {
  const { rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failures: 2 });
  const guard = policyOn(rt, health, timeout('10s'));
  for (let call = 0; call < 5; call++) {
    const leaving = new AbortController();
    const left = quietly(guard(held().work, { signal: leaving.signal }));
    leaving.abort(new Error('left'));
    assert.match(String(await left), /left/);
  }
  assert.equal(health.state, 'closed');
});

test('an observer that throws changes no outcome (cockatiel 4, opossum 10)', async () => {
  const angry = () => {
    throw new Error('observer');
  };
  const { clock } = virtualRuntime();
  const warnings: unknown[] = [];
  const listen = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', listen);
  const rt = runtime({ clock, observe: { ...silent, count: angry, log: angry } });
  const health = breaker({ runtime: rt, failures: 1 });
  const guard = policyOn(rt, health);
  await assert.rejects(guard(boom), /boom/);
  await assert.rejects(guard(fine), BreakerOpen);
  await ticks();
  process.off('warning', listen);
  assert.ok(warnings.includes('SeaworthyObserver'));
});

test('a slot stays taken until the work settles, also after a timeout (opossum 10)', async () => {
  const { clock, rt } = virtualRuntime();
  const ward = bulkhead({ limit: 1, queue: 0 });
  const guard = policyOn(rt, ward, timeout('1s'));
  const hold = held();
  const first = quietly(guard(hold.work));
  await clock.advance(1020);
  assert.ok((await first) instanceof AttemptTimeout);
  await assert.rejects(guard(fine), BulkheadFull);
  hold.succeed();
  await ticks();
  assert.equal(await guard(fine), 'fine');
});

test('a full bulkhead does not open the breaker of a healthy callee (opossum 10)', async () => {
  const { rt } = virtualRuntime();
  const health = breaker({ failures: 2 });
  const guard = policyOn(rt, health, bulkhead({ limit: 1, queue: 0 }));
  const hold = held();
  const first = guard(hold.work);
  for (let call = 0; call < 10; call++) await assert.rejects(guard(fine), BulkheadFull);
  assert.equal(health.state, 'closed');
  hold.succeed();
  await first;
});

test('the timeout of one call aborts no other call (opossum 10)', async () => {
  const { clock, rt } = virtualRuntime();
  const guard = policyOn(rt, timeout('1s'));
  const signals: AbortSignal[] = [];
  const work = ({ signal }: { signal: AbortSignal }): Promise<never> => {
    signals.push(signal);
    return new Promise(() => {});
  };
  const first = quietly(guard(work));
  await clock.advance(500);
  void quietly(guard(work));
  await clock.advance(520);
  assert.ok((await first) instanceof AttemptTimeout);
  assert.deepEqual(
    signals.map((signal) => signal.aborted),
    [true, false],
  );
});

test('an idle policy has no timers (opossum 10)', async () => {
  const { clock, rt } = virtualRuntime();
  const guard = policyOn(rt, deadline('2s'), retry(), breaker(), bulkhead({ limit: 1 }), timeout('1s'));
  await guard(fine);
  await clock.advance(50);
  assert.equal(clock.waiting, 0);
});

test('rejections do not lower the rate of failures (opossum 10)', async () => {
  const { rt } = virtualRuntime();
  const health = breaker({ runtime: rt, failureRate: 0.5, minimumCalls: 10, window: '10s' });
  const guard = policyOn(rt, health, bulkhead({ limit: 1, queue: 0 }));
  const hold = held();
  const first = guard(hold.work);
  for (let call = 0; call < 100; call++) await quietly(guard(fine));
  hold.succeed();
  await first;
  for (let call = 0; call < 9; call++) await quietly(guard(boom));
  assert.equal(health.state, 'open');
});

test('a probe that hangs without a timeout does not block the breaker forever (opossum 10)', async () => {
  const { clock, health, guard } = await opened({ probes: 1, probeLease: '5s' });
  await clock.advance(10_000);
  void quietly(guard(held().work));
  await clock.advance(4999);
  await assert.rejects(guard(fine), /all its probes are in flight/);
  await clock.advance(1);
  await assert.rejects(guard(fine), BreakerOpen);
  assert.equal(health.state, 'open');
  await clock.advance(10_000);
  await guard(fine);
  await guard(fine);
  assert.equal(health.state, 'closed');
});
