import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Attributes, type Observe, silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { virtualClock } from '../testing/clock.ts';
import { breaker } from './breaker.ts';
import { bulkhead } from './bulkhead.ts';
import { fallback, timeout } from './parts.ts';
import { policyOn } from './policy.ts';
import { retry } from './retry.ts';
import { boom, fine, held, quietly } from './virtual-runtime.fixture.ts';

function watched() {
  const gauges = new Map<string, () => number>();
  const counters = new Map<string, number>();
  const textOf = (name: string, attributes: Attributes = {}): string => [name, ...Object.values(attributes)].join(' ');
  const observe: Observe = {
    ...silent,
    count: (name, attributes, by = 1) => {
      const text = textOf(name, attributes);
      counters.set(text, (counters.get(text) ?? 0) + by);
    },
    gauge: (name, attributes, read) => {
      const text = textOf(name, attributes);
      assert.ok(!gauges.has(text), `${text} is registered twice`);
      gauges.set(text, read);
      return () => void gauges.delete(text);
    },
  };
  const clock = virtualClock();
  return { clock, rt: runtime({ clock, observe }), gauges, counters, read: (text: string) => gauges.get(text)?.() };
}

test('the gauge of a name counts its breakers by state, and goes with the last policy', async () => {
  const { rt, read, gauges } = watched();
  const hosts = ['a', 'b', 'c'].map(() => {
    const health = breaker({ name: 'hosts', failures: 1 });
    return { health, guard: policyOn(rt, health) };
  });
  const [a, b, c] = hosts as [(typeof hosts)[number], (typeof hosts)[number], (typeof hosts)[number]];
  await quietly(a.guard(boom));
  b.health.set('forced-open');
  const states = ['closed', 'half-open', 'open', 'forced-open', 'disabled', 'metrics-only'];
  assert.deepEqual(
    states.map((state) => read(`seaworthy_breaker_state hosts ${state}`)),
    [1, 0, 1, 1, 0, 0],
  );
  a.guard.dispose();
  assert.equal(read('seaworthy_breaker_state hosts open'), 0);
  b.guard.dispose();
  c.guard.dispose();
  c.guard.dispose();
  assert.equal(gauges.size, 0);
  assert.equal(await c.guard(fine), 'fine');
});

test('the gauges of a bulkhead count running and queued calls', async () => {
  const { rt, read, counters } = watched();
  const hold = held();
  const guard = policyOn(rt, bulkhead({ name: 'cards', limit: 1, queue: 1 }));
  const both = [guard(hold.work), guard(hold.work)];
  await quietly(guard(fine));
  assert.deepEqual([read('seaworthy_bulkhead_running cards'), read('seaworthy_bulkhead_waiting cards')], [1, 1]);
  assert.equal(counters.get('seaworthy_bulkhead_rejected_total cards'), 1);
  for (const one of both) {
    hold.succeed();
    await one;
  }
  assert.deepEqual([read('seaworthy_bulkhead_running cards'), read('seaworthy_bulkhead_waiting cards')], [0, 0]);
});

test('every outcome is counted, those of an earlier generation as late', async () => {
  const { clock, rt, counters } = watched();
  const health = breaker({ name: 'cards', failures: 1, openFor: '1s', successes: 1 });
  const guard = policyOn(rt, health, timeout('1h'));
  const hold = held();
  const late = guard(hold.work);
  await guard(fine);
  await quietly(guard(() => Promise.reject(Object.assign(new Error('wrong'), { status: 400 }))));
  await quietly(guard(boom));
  await quietly(guard(fine));
  hold.succeed();
  await late;
  await clock.advance(1000);
  await guard(fine);
  const of = (name: string): number | undefined => counters.get(`seaworthy_breaker_${name}`);
  assert.deepEqual(
    ['success', 'failure', 'ignored', 'late'].map((outcome) => of(`calls_total cards ${outcome}`)),
    [2, 1, 1, 1],
  );
  assert.equal(of('rejected_total cards'), 1);
  assert.deepEqual(
    ['open', 'half-open', 'closed'].map((to) => of(`transitions_total cards ${to}`)),
    [1, 1, 1],
  );
});

test('retries and fallbacks are counted under the name of the breaker', async () => {
  const { rt, counters } = watched();
  const guard = policyOn(
    rt,
    retry({ attempts: 3, base: '0ms' }),
    breaker({ name: 'cards' }),
    fallback(() => 'instead'),
  );
  assert.equal(await guard(boom), 'instead');
  assert.equal(counters.get('seaworthy_policy_retries_total cards'), 2);
  assert.equal(counters.get('seaworthy_policy_fallbacks_total cards'), 1);
});
