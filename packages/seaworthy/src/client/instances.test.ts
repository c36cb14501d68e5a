import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { contract, query } from '../contract/contract.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import { policyOn } from '../resilience/policy.ts';
import { retry } from '../resilience/retry.ts';
import { telemetry } from '../telemetry/telemetry.ts';
import { virtualClock } from '../testing/clock.ts';
import { type CallerDeps, caller } from './caller.ts';
import { mutableInstances } from './drivers/mutable-instances.ts';
import { staticInstances } from './drivers/static-instances.ts';
import { Unreachable } from './errors.ts';
import type { Instance } from './instance-source.ts';
import type { Transport } from './transport.ts';

const desk = contract('desk', { ask: query({ http: 'GET /ask', input: z.object({ n: z.string().optional() }), output: z.object({}) }) });

/** A caller of a service with instances `a`, `b`, ...; those in `dead` cannot be reached, those in `sick` fail. */
function world(names: string, options: (rt: Runtime) => Partial<CallerDeps> = () => ({})) {
  const clock = virtualClock();
  const rt = runtime({ clock, random: { next: () => 0.5 } });
  const sent: string[] = [];
  const visits: string[] = [];
  const dead = new Set<string>();
  const sick = new Set<string>();
  const connect = ({ at }: Instance): Transport => ({
    async send({ input }) {
      sent.push(at);
      visits.push(`${(input as { n?: string }).n}${at}`);
      if (dead.has(at)) throw new Unreachable(`${at} is gone`);
      if (sick.has(at)) return { kind: 'problem', problem: { type: 'about:blank', title: 'No', status: 503 } };
      return { kind: 'output', output: {} };
    },
    close: async () => {},
  });
  const call = caller({ runtime: rt, transportOf: () => ({ source: staticInstances([...names]), connect }), ...options(rt) });
  const taken = (): string => sent.splice(0).join('');
  const ask = (n?: string): Promise<unknown> => clock.run(call(desk.ask, n === undefined ? {} : { n }));
  return { clock, dead, sick, taken, visits, ask };
}

test('instances take calls in turn', async () => {
  const { ask, taken } = world('abc');
  for (let times = 0; times < 6; times++) await ask();
  assert.equal(taken(), 'abcabc');
});

test('a call that did not reach one instance tries another, and that one comes last during its cooldown', async () => {
  const { clock, ask, taken, dead } = world('ab');
  dead.add('a');
  await ask();
  assert.equal(taken(), 'ab');
  for (let times = 0; times < 4; times++) await ask();
  assert.equal(taken(), 'bbbb');
  dead.clear();
  await clock.advance(1000);
  await ask();
  await ask();
  assert.deepEqual([...taken()].sort(), ['a', 'b']);
});

test('a retry goes first to an instance that the call has not tried, also while other calls run', async () => {
  const { ask, visits, sick } = world('ab', (rt) => ({ policyOf: () => policyOn(rt, retry({ attempts: 2 })) }));
  for (const name of 'ab') sick.add(name);
  await Promise.allSettled(['1', '2'].map(ask));
  assert.deepEqual(visits.sort(), ['1a', '1b', '2a', '2b']);
});

test('the breaker of a failing instance refuses that one alone, and it gets its share again soon after it has recovered', async () => {
  const { clock, ask, taken, sick } = world('ab');
  sick.add('a');
  for (let times = 0; times < 20; times++) await ask();
  const seen = taken();
  assert.equal([...seen].filter((name) => name === 'a').length, 5);
  assert.equal([...seen].filter((name) => name === 'b').length, 20);
  sick.clear();
  await clock.advance(1500);
  for (let times = 0; times < 6; times++) await ask();
  assert.equal([...taken()].filter((name) => name === 'a').length, 3);
});

test('a call is refused and not sent when the guard of every instance refuses it', async () => {
  const { ask, taken, sick } = world('ab', (rt) => ({ policyOf: () => policyOn(rt) }));
  for (const name of 'ab') sick.add(name);
  for (let times = 0; times < 10; times++) await assert.rejects(ask(), /503/);
  taken();
  await assert.rejects(ask(), BreakerOpen);
  assert.equal(taken(), '');
});

test('a service without an instance is unreachable', async () => {
  await assert.rejects(
    world('').ask(),
    (error: unknown) => error instanceof Unreachable && /^desk has no instance now/.test(error.message),
  );
});

test('the breaker and the bulkhead of an instance that left are in no gauge', async () => {
  const { observe, exposition } = telemetry({ level: 'silent' });
  const source = mutableInstances(['a', 'b']);
  const transport: Transport = { send: async () => ({ kind: 'output', output: {} }), close: async () => {} };
  const call = caller({ runtime: runtime({ observe }), transportOf: () => ({ source, connect: () => transport }) });
  await call(desk.ask, {});
  const gauges = (at: string): number =>
    exposition()
      .split('\n')
      .filter((line) => line.includes(`"desk at ${at}"`) && !line.includes('_total{')).length;
  assert.ok(gauges('a') > 0 && gauges('b') === gauges('a'));
  source.set(['a']);
  await call(desk.ask, {});
  assert.ok(gauges('a') > 0);
  assert.equal(gauges('b'), 0);
  await call.close();
  assert.equal(gauges('a'), 0);
});
