import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { Failure, reply } from '../client/call.ts';
import { type Caller, caller } from '../client/caller.ts';
import { AnswerInvalid, CallFailed, Unreachable } from '../client/errors.ts';
import { contract, query } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import { virtualClock } from '../testing/clock.ts';
import { aggregate } from './aggregate.ts';
import { gateway, type Route } from './gateway.ts';
import { route } from './route.ts';
import { gatewayRoutes } from './serve.ts';
import { ask, fails, fine, late, leftOf, open, page, shop } from './shop.fixture.ts';

test('a client cannot ask for more time than the gateway gives, in a route or an aggregate', async () => {
  const placing = route('POST /api/orders/{id}', shop.place);
  for (const headers of [{ 'seaworthy-deadline-ms': '3600000' }, {}]) {
    for (const { asked } of [await ask([page], fine, { headers }), await ask([placing], fine, { headers, body: { n: 5 } })])
      assert.deepEqual(
        asked.map(leftOf),
        asked.map(() => 10_000),
      );
  }
});

test('a client that disconnects aborts every call of its request, in a route and an aggregate', async () => {
  for (const [one, names] of [
    [page, ['order', 'payment']],
    [route('GET /api/orders/{id}', shop.order), ['order']],
  ] as const) {
    const leaving = new AbortController();
    const stopped: string[] = [];
    const call: Caller = (operation, _input, { signal } = {}) => {
      const { name } = operation as { name: string };
      const cut = new Promise<never>((_, reject) => {
        const stop = (): void => {
          stopped.push(name);
          reject(signal?.reason);
        };
        if (signal?.aborted) stop();
        else signal?.addEventListener('abort', stop);
      });
      return reply(cut, { NotFound: undefined, Frozen: undefined }) as never;
    };
    const [served] = gatewayRoutes(gateway({ routes: [one] }), { runtime: runtime({ clock: virtualClock() }), call });
    const request = { params: { id: '1' }, query: '', headers: {}, body: undefined, signal: leaving.signal };
    const answered = served?.handle(request);
    leaving.abort(new Error('gone'));
    await answered;
    assert.deepEqual(stopped, names);
  }
});

test("a client's shorter deadline holds; a wrong header is refused by name", async () => {
  const { asked } = await ask([page], fine, { headers: { 'seaworthy-deadline-ms': '250' } });
  assert.equal(leftOf(asked[0]), 250);
  const { status, json } = await ask([page], fine, { headers: { 'seaworthy-deadline-ms': 'soon' } });
  assert.deepEqual([status, json['code']], [400, 'SW_HEADER_INVALID']);
});

test('the breaker of a failing upstream opens without those of the others', async () => {
  const clock = virtualClock();
  const rt = runtime({ clock });
  const sent: string[] = [];
  const call = caller({
    runtime: rt,
    transportOf: (service) => ({
      async send() {
        sent.push(service);
        if (service === 'sick') throw new Error('no connection');
        return { kind: 'output', output: { id: '1', customer: 'c' } };
      },
      close: async () => {},
    }),
  });
  const sick = contract('sick', { ask: query({ http: 'GET /ask', input: z.object({}), output: z.object({}) }) });
  for (let tries = 0; tries < 4; tries++) await clock.run(call(sick.ask, {}).catch(() => {}));
  const before = sent.length;
  assert.equal(before, 5);
  await assert.rejects(clock.run(call(sick.ask, {})), BreakerOpen);
  assert.equal(sent.length, before);
  assert.deepEqual(await call(shop.order, { id: '1' }), { id: '1', customer: 'c' });
});

const older = new CallFailed('shop.order', {
  ...{ type: 'about:blank', title: 'Not Found', status: 404 },
  ...{ code: 'SW_HTTP_ROUTE_UNKNOWN', detail: 'there is no GET /internal/orders/1 here' },
});
const failedItself = new CallFailed('shop.order', {
  type: 'about:blank',
  title: 'Bad Gateway',
  status: 502,
  detail: 'bank.pay at /internal/pay',
});
for (const [what, error, code] of [
  ['does not know the operation', older, 'SW_CALL_FAILED'],
  ['was failed by another', failedItself, 'SW_CALL_FAILED'],
] as const)
  test(`a service that ${what} gives a 502 without details, which are in the log`, async () => {
    const routed = await ask([route('GET /api/orders/{id}', shop.order)], { order: fails(error) });
    const aggregated = await ask([page], { ...fine, order: fails(error) });
    assert.deepEqual([routed.status, routed.json['code'], aggregated.status], [502, code, 502]);
    for (const { body, logged } of [routed, aggregated]) {
      assert.doesNotMatch(body ?? '', /internal/);
      assert.equal(logged.length, 1);
      assert.match(String(logged[0]?.attributes['error']), /internal/);
      assert.equal(logged[0]?.attributes['route'], 'GET /api/orders/{id}');
    }
  });

const broken = (where: 'input' | 'shape' | 'circle'): Route =>
  aggregate(
    'GET /api/orders/{id}',
    ({ part }) => ({
      payment: part(shop.payment, ({ params }) => (where === 'input' ? (params as never as { a: { b: never } }).a.b : params)).optional(),
    }),
    (answer): unknown => {
      if (where === 'shape') throw new TypeError('of the shape');
      const circle: Record<string, unknown> = { answer };
      if (where === 'circle') circle['itself'] = circle;
      return circle;
    },
  );
for (const [where, status] of [
  ['input', 200],
  ['shape', 500],
  ['circle', 500],
] as const)
  test(`a mistake in an aggregate's own code (${where}) is in the log, with its route`, async () => {
    const { status: said, logged, body } = await ask([broken(where)], fine);
    assert.equal(said, status);
    assert.deepEqual([logged[0]?.level, logged[0]?.attributes['route']], ['error', 'GET /api/orders/{id}']);
    assert.ok(logged[0]?.attributes['error'] instanceof Error);
    assert.doesNotMatch(body ?? '', /of the shape|circular/);
  });

test('the log says why an optional part is missing, except for a declared error, an open breaker or a timeout', async () => {
  const wrong = new CallFailed('shop.payment', { type: 'about:blank', title: 'Bad Request', status: 400 });
  for (const [error, level] of [
    [new AnswerInvalid('other contracts'), 'error'],
    [new Unreachable('no connection'), 'warn'],
    [new Error('bug'), 'error'],
    [new Failure('Frozen', undefined), undefined],
    [open, undefined],
    [late, undefined],
    [wrong, undefined],
  ] as const) {
    const { logged } = await ask([page], { ...fine, payment: fails(error) });
    assert.deepEqual(
      logged.map((one) => one.level),
      level ? [level] : [],
      String(error),
    );
  }
});
