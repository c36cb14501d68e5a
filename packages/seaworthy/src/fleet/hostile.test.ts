import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { CallFailed } from '../client/errors.ts';
import { command, contract, query } from '../contract/contract.ts';
import { thrown } from '../core/conformance/thrown.ts';
import { runtime } from '../core/runtime.ts';
import { aggregate } from '../gateway/aggregate.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { gatewayRoutes } from '../gateway/serve.ts';
import { remote } from '../service/handler.ts';
import { service } from '../service/service.ts';
import { memory } from '../store/drivers/memory.ts';
import { telemetry } from '../telemetry/telemetry.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { fleet } from './fleet.ts';
import { start } from './start.ts';

const What = z.object({ what: z.string() });
const desk = contract('desk', {
  write: command({ http: 'POST /write', input: What, output: What }),
  read: query({ http: 'GET /read', input: What, output: What }),
  reach: query({ http: 'GET /reach', input: What, output: What }),
});
const fails = ({ input }: { readonly input: { readonly what: string } }): never => {
  throw thrown[input.what]?.[0];
};
const own = service(desk, { handlers: { write: fails, read: fails, reach: remote(async (context) => fails(context)) } });

test('any value that a handler throws is a problem for the caller and a log line, and the next call is answered', async () => {
  const clock = virtualClock();
  const lines: string[] = [];
  const reports = telemetry({ destination: { write: (line: string) => void lines.push(line) } });
  const rt = runtime({ clock, random: seededRandom(1), observe: reports.observe });
  const running = await start(fleet({ services: [own] }), { runtime: rt, store: memory(), bus: memoryBus() });
  for (const what of Object.keys(thrown))
    for (const operation of [desk.write, desk.read, desk.reach]) {
      lines.length = 0;
      const call = (): Promise<unknown> => clock.run(running.call(operation, { what }).catch((error: unknown) => error));
      let error = await call();
      // So many failures open the breaker, which is its duty.
      while (!(error instanceof CallFailed)) {
        await clock.advance(30_000);
        error = await call();
      }
      assert.equal(error.problem.code, 'SW_HANDLER_FAILED');
      const line = lines.find((one) => /desk\.\w+ failed/.test(one));
      assert.ok(line !== undefined && typeof JSON.parse(line)['error']['message'] === 'string', `${what}: ${line}`);
    }
  await clock.run(running.stop());
});

test('any value that a part of a gateway throws is a problem for the client', async () => {
  for (const [what, [value]] of Object.entries(thrown)) {
    const throws = (): never => {
      throw value;
    };
    const routes = [
      route('GET /read', desk.read),
      aggregate('GET /part', ({ part }) => ({ one: part(desk.read, throws) })),
      aggregate('GET /shape', () => ({}), throws),
    ];
    const served = gatewayRoutes(gateway({ routes }), { runtime: runtime({ clock: virtualClock() }), call: throws as never });
    for (const one of served) {
      const request = { params: {}, query: 'what=x', headers: {}, body: undefined, signal: new AbortController().signal };
      const answer = await one.handle(request);
      assert.ok(answer.status >= 500, `${one.path} with ${what}: ${answer.status}`);
      assert.equal(answer.headers['content-type'], 'application/problem+json');
    }
  }
});
