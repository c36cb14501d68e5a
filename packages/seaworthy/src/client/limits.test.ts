import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { contract, query } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { aggregate } from '../gateway/aggregate.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { gatewayRoutes } from '../gateway/serve.ts';
import { breaker } from '../resilience/breaker.ts';
import { policy } from '../resilience/policy.ts';
import { retry } from '../resilience/retry.ts';
import { type Caller, caller } from './caller.ts';
import { staticInstances } from './drivers/static-instances.ts';
import { AnswerTooLarge } from './errors.ts';
import { http } from './transports/http.ts';

const Text = z.object({ text: z.string() });
const desk = contract('desk', {
  report: query({ http: 'GET /report', input: z.object({}), output: Text }),
  headers: query({ http: 'GET /headers', input: z.object({}), output: Text }),
  ping: query({ http: 'GET /ping', input: z.object({}), output: Text }),
});
const asked: string[] = [];
const server = createServer(({ url = '' }, response) => {
  asked.push(url);
  const long = 'x'.repeat(20_000);
  response.writeHead(200, { 'content-type': 'application/json', ...(url === '/headers' && { 'x-long': long }) });
  response.end(JSON.stringify({ text: url === '/report' ? long : 'pong' }));
});
let url = '';
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

/** Runs `body` with a caller of one instance of the service, and with one of two. */
async function each(body: (call: Caller) => Promise<void>): Promise<void> {
  for (const count of [1, 2]) {
    asked.length = 0;
    const source = staticInstances(Array.from({ length: count }, (_, index) => `instance ${index}`));
    const call = caller({ runtime: runtime(), transportOf: () => ({ source, connect: () => http(url, { answerLimit: 10_000 }) }) });
    await body(call);
    await call.close();
  }
}

for (const what of ['report', 'headers'] as const)
  test(`an answer beyond a limit of the caller (${what}) is not retried, and is not a failure of the service`, () =>
    each(async (call) => {
      for (let time = 0; time < 12; time++) await assert.rejects(call(desk[what], {}), AnswerTooLarge);
      assert.equal(asked.length, 12);
      assert.deepEqual(await call(desk.ping, {}), { text: 'pong' });
    }));

test('a gateway answers 502 to an answer beyond its limit, asks once, and serves other routes', () =>
  each(async (call) => {
    const routes = [
      route('GET /report', desk.report),
      aggregate('GET /page', ({ part }) => ({ report: part(desk.report, () => ({})), ping: part(desk.ping, () => ({})).optional() })),
      aggregate('GET /extra', ({ part }) => ({ report: part(desk.report, () => ({})).optional(), ping: part(desk.ping, () => ({})) })),
    ];
    const [report, page, extra] = gatewayRoutes(gateway({ routes }), { runtime: runtime(), call });
    const request = { params: {}, query: '', headers: {}, body: undefined, signal: new AbortController().signal };
    for (let time = 0; time < 6; time++) {
      const answer = await report?.handle(request);
      assert.equal(answer?.status, 502);
      assert.doesNotMatch(answer?.body ?? '', /127\.0\.0\.1/);
      assert.equal((await page?.handle(request))?.status, 502);
      assert.equal((await extra?.handle(request))?.status, 200);
    }
    assert.equal(asked.filter((path) => path === '/report').length, 18);
  }));

test('a policy around another HTTP client recognises such an answer', async () => {
  const health = breaker({ failures: 1 });
  const guard = policy(health, retry());
  let runs = 0;
  const work = async (): Promise<string> => {
    runs++;
    return (await fetch(`${url}/headers`)).text();
  };
  await assert.rejects(guard(work), /fetch failed/);
  assert.deepEqual([runs, health.state], [1, 'closed']);
});
