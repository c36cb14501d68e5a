import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { caller } from '../client/caller.ts';
import { staticInstances } from '../client/drivers/static-instances.ts';
import type { Transport } from '../client/transport.ts';
import { contract, query } from '../contract/contract.ts';
import type { Duration } from '../core/duration.ts';
import { runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { aggregate } from './aggregate.ts';
import { gateway } from './gateway.ts';
import { route } from './route.ts';
import { gatewayRoutes } from './serve.ts';

const desk = contract('desk', { ask: query({ http: 'GET /ask', input: z.object({}), output: z.object({}) }) });
const tooLate = {
  kind: 'problem',
  problem: { type: 'about:blank', title: 'Gateway Timeout', status: 504, code: 'SW_DEADLINE_EXCEEDED' },
} as const;

/** A gateway in front of a service that takes `takesMs`, and that may itself answer 504 at the deadline, as over HTTP. */
function world(options: {
  readonly takesMs: number;
  readonly says504?: boolean;
  readonly timeout?: Duration;
  readonly instances?: number;
}) {
  const { takesMs, says504 = false, timeout = '10s', instances = 1 } = options;
  const clock = virtualClock();
  const rt = runtime({ clock, random: seededRandom(1) });
  const transport: Transport = {
    async send({ signal, deadline }) {
      const leftMs = Math.floor(deadline?.remaining() ?? Infinity);
      if (says504 && leftMs <= takesMs) return sleep(clock, leftMs, signal).then(() => tooLate);
      await sleep(clock, takesMs, signal);
      return { kind: 'output', output: {} };
    },
    close: async () => {},
  };
  const source = staticInstances(Array.from({ length: instances }, (_, index) => `instance ${index}`));
  const call = caller({ runtime: rt, transportOf: () => ({ source, connect: () => transport }) });
  const routes = [route('GET /ask', desk.ask), aggregate('GET /page', ({ part }) => ({ one: part(desk.ask, () => ({})) }))];
  const served = gatewayRoutes(gateway({ routes }), { runtime: rt, call, timeout });
  return async (path: string, deadlineMs?: number): Promise<number> => {
    const headers = deadlineMs === undefined ? {} : { 'seaworthy-deadline-ms': String(deadlineMs) };
    const request = { params: {}, query: '', headers, body: undefined, signal: new AbortController().signal };
    return (await clock.run(served.find((one) => one.path === path)?.handle(request) ?? assert.fail())).status;
  };
}

for (const says504 of [false, true])
  for (const instances of [1, 2])
    for (const path of ['/ask', '/page'])
      test(`clients with short deadlines do not open the breaker of ${path} (${instances} instances${says504 ? ', which answer 504 themselves' : ''})`, async () => {
        const ask = world({ takesMs: 7000, says504, instances });
        for (const deadlineMs of [0, 1, 15, 500, 5000, 6000])
          for (let time = 0; time < 12; time++) assert.equal(await ask(path, deadlineMs), 504);
        for (let time = 0; time < 3; time++) assert.equal(await ask(path), 200);
      });

for (const says504 of [false, true])
  for (const timeout of ['1s', '10s', '30s'] as const)
    test(`the breaker opens after five calls to a service that hangs, each with all of ${timeout}${says504 ? ', when it answers 504' : ''}`, async () => {
      const ask = world({ takesMs: 86_400_000, says504, timeout });
      for (let time = 0; time < 5; time++) assert.equal(await ask('/ask'), 504);
      assert.equal(await ask('/ask'), 503);
    });
