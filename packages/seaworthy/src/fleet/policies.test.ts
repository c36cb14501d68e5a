import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { contract, query } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { breaker } from '../resilience/breaker.ts';
import { bulkhead } from '../resilience/bulkhead.ts';
import { keyed } from '../resilience/keyed.ts';
import { timeout } from '../resilience/parts.ts';
import { policy, policyOn, type WorkContext } from '../resilience/policy.ts';
import { remote } from '../service/handler.ts';
import { service } from '../service/service.ts';
import { memory } from '../store/drivers/memory.ts';
import { telemetry } from '../telemetry/telemetry.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { fleet } from './fleet.ts';
import { start } from './start.ts';

const desk = contract('desk', { ask: query({ http: 'GET /ask', input: z.object({ host: z.string() }), output: z.object({}) }) });

/** A service whose third party does as `work` says, behind policies that were made before any fleet was. */
function thirdParty(work: (context: WorkContext) => unknown) {
  const health = breaker({ name: 'third party', failures: 1, openFor: '10s' });
  const guard = policy(health, timeout('2s'), bulkhead({ name: 'third party', limit: 5 }));
  const hosts = keyed((host: string) => policy(breaker({ name: `host ${host}`, failures: 1 })));
  const own = service(desk, {
    policies: [guard, hosts],
    handlers: {
      ask: remote(async ({ input, signal }) => {
        await guard(work, { signal });
        await hosts.of(input.host)(work);
        return {};
      }),
    },
  });
  return { own, health };
}

/** The fleet on a clock of its own; what it shows of its breakers, and what it logged. */
async function world(own: ReturnType<typeof thirdParty>['own']) {
  const clock = virtualClock();
  const lines: string[] = [];
  const reports = telemetry({ destination: { write: (line: string) => void lines.push(line) } });
  const rt = runtime({ clock, random: seededRandom(1), observe: reports.observe });
  const running = await start(fleet({ services: [own] }), {
    runtime: rt,
    store: memory(),
    bus: memoryBus(),
    calls: { guardOf: () => policyOn(rt), policyOf: () => policyOn(rt) },
  });
  return {
    clock,
    lines,
    shown: () =>
      reports
        .exposition()
        .split('\n')
        .filter((line) => /^seaworthy_(breaker|bulkhead)_\w+\{.*(third party|host)/.test(line)),
    ask: () => clock.run(running.call(desk.ask, { host: 'a' }).catch((error: unknown) => error)),
    stop: () => clock.run(running.stop()),
  };
}

test('the policies of a service report to the telemetry of its fleet while it runs, and use its clock', async () => {
  let work = (_: WorkContext): unknown => 'fine';
  const { own, health } = thirdParty((context) => work(context));
  for (let fleets = 0; fleets < 2; fleets++) {
    const system = await world(own);
    work = () => 'fine';
    assert.deepEqual(await system.ask(), {});
    const shown = system.shown();
    for (const line of [
      'seaworthy_breaker_state{breaker="third party",service="desk",state="closed"} 1',
      'seaworthy_breaker_state{breaker="host a",service="desk",state="closed"} 1',
      'seaworthy_breaker_calls_total{breaker="third party",outcome="success",service="desk"} 1',
      'seaworthy_bulkhead_running{bulkhead="third party",service="desk"} 0',
    ])
      assert.ok(shown.includes(line), `${line} is not in\n${shown.join('\n')}`);
    // It hangs: the time of the policy is that of the fleet's clock.
    work = ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    await system.ask();
    assert.equal(health.state, 'open');
    assert.ok(system.lines.some((line) => /breaker third party is open/.test(line) && /"service":"desk"/.test(line)));
    await system.stop();
    assert.deepEqual(
      system.shown().filter((line) => /_state|_running|_waiting/.test(line)),
      [],
    );
  }
});

test('the first of two fleets of one definition has its policies, until it stops', async () => {
  const { own } = thirdParty(() => 'fine');
  const first = await world(own);
  const second = await world(own);
  await second.ask();
  assert.notEqual(first.shown().length, 0);
  assert.deepEqual(second.shown(), []);
  await second.stop();
  assert.notEqual(first.shown().length, 0);
  await first.stop();
});
