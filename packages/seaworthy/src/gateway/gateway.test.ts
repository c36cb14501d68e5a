import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { Failure, reply } from '../client/call.ts';
import type { Caller, CallOptions } from '../client/caller.ts';
import { caller } from '../client/caller.ts';
import { AnswerInvalid, CallFailed, Unreachable } from '../client/errors.ts';
import { lossy } from '../contract/conformance/lossy.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import { type Deadline, DeadlineExceeded } from '../core/deadline.ts';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import type { HttpReply } from '../http/reply.ts';
import { BreakerOpen } from '../resilience/errors.ts';
import { virtualClock } from '../testing/clock.ts';
import { aggregate } from './aggregate.ts';
import { GatewayInvalid } from './errors.ts';
import { gateway, type Route } from './gateway.ts';
import { route } from './route.ts';
import { gatewayRoutes } from './serve.ts';

const Ref = z.object({ id: z.string() });
const shop = contract('shop', {
  order: query({
    http: 'GET /orders/{id}',
    input: Ref,
    output: z.object({ id: z.string(), customer: z.string() }),
    errors: { NotFound: { status: 404 } },
  }),
  payment: query({
    http: 'GET /payments/{id}',
    input: Ref,
    output: z.object({ amount: z.int() }),
    errors: { NotFound: { status: 404 }, Frozen: { status: 423 } },
  }),
  customer: query({ http: 'GET /customers/{id}', input: Ref, output: z.object({ name: z.string() }) }),
  place: command({
    http: 'POST /orders',
    input: z.object({ id: z.string(), n: z.int() }),
    output: Ref,
    status: 201,
    location: '/api/orders/{id}',
  }),
});

const page = aggregate('GET /api/orders/{id}', ({ part }) => {
  const order = part(shop.order, ({ params }) => params);
  return {
    order,
    payment: part(shop.payment, ({ params }) => params).optional(),
    customer: part(shop.customer, ({ order }) => ({ id: order.customer }), { after: { order } }).optional(),
  };
});

type Answers = Readonly<Record<string, () => unknown>>;
const fine: Answers = {
  order: () => ({ id: '1', customer: 'c' }),
  payment: () => ({ amount: 5 }),
  customer: () => ({ name: 'N' }),
  place: () => ({ id: '1' }),
};

/** Sends one request through a gateway whose upstreams answer as told. */
async function ask(
  routes: readonly Route[],
  answers: Answers,
  request: { params?: Record<string, string>; headers?: Record<string, string>; body?: unknown; signal?: AbortSignal } = {},
) {
  const asked: { name: string; input: unknown; options: CallOptions }[] = [];
  const call: Caller = (operation, input, options = {}) => {
    const { name } = operation as { name: string };
    asked.push({ name, input, options });
    return reply((async () => answers[name]?.())() as Promise<never>, { NotFound: undefined, Frozen: undefined });
  };
  const told: { level: string; message: string; attributes: Readonly<Record<string, unknown>> }[] = [];
  const observe = { ...silent, log: (level: string, message: string, attributes = {}) => void told.push({ level, message, attributes }) };
  const [served] = gatewayRoutes(gateway({ routes }), { runtime: runtime({ clock: virtualClock(), observe }), call });
  const answer = (await served?.handle({
    params: { id: '1' },
    query: '',
    headers: {},
    body: undefined,
    signal: new AbortController().signal,
    ...request,
  })) as HttpReply;
  return { ...answer, json: JSON.parse(answer.body ?? 'null') as Record<string, unknown>, asked, told };
}
const fails = (error: unknown) => () => {
  throw error;
};

test('an aggregate puts its parts together, each called once, with what it needs from others', async () => {
  const { status, json, asked } = await ask([page], fine);
  assert.equal(status, 200);
  assert.deepEqual(json, {
    order: { id: '1', customer: 'c' },
    payment: { amount: 5 },
    customer: { name: 'N' },
    meta: { parts: { order: 'ok', payment: 'ok', customer: 'ok' } },
  });
  assert.deepEqual(asked.map(({ name, input }) => [name, input]).sort(), [
    ['customer', { id: 'c' }],
    ['order', { id: '1' }],
    ['payment', { id: '1' }],
  ]);
});

const late = new DeadlineExceeded('late');
const open = new BreakerOpen('open', { retryAfterMs: 2500 });
for (const [what, error, part] of [
  ['that there is none', new Failure('NotFound', undefined), 'absent'],
  ['another declared error', new Failure('Frozen', undefined), 'failed'],
  ['a failure', new CallFailed('shop.payment', { type: 'about:blank', title: 'x', status: 500 }), 'failed'],
  ['nothing in time', late, 'timeout'],
] as const) {
  test(`an optional part that answers ${what} is left out as ${part}`, async () => {
    const { status, json, headers } = await ask([page], { ...fine, payment: fails(error) });
    assert.equal(status, 200);
    assert.equal('payment' in json, false);
    assert.deepEqual(json['meta'], { parts: { order: 'ok', payment: part, customer: 'ok' } });
    assert.equal(headers['cache-control'], part === 'absent' ? undefined : 'no-store');
  });
}

for (const [what, error, status, retryAfter] of [
  ['there is none', new Failure('NotFound', undefined), 404, undefined],
  ['it fails', new Error('bug'), 502, undefined],
  ['it is too late', late, 504, undefined],
  ['its breaker is open', open, 503, '3'],
] as const) {
  test(`a required part: when ${what} the answer is ${status}, and what hangs on it is absent`, async () => {
    const answer = await ask([page], { ...fine, order: fails(error) });
    assert.equal(answer.status, status);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.equal(answer.headers['retry-after'], retryAfter);
    if (status !== 404) assert.deepEqual((answer.json['parts'] as Record<string, string>)['customer'], 'absent');
    assert.equal(
      answer.asked.some(({ name }) => name === 'customer'),
      false,
    );
  });
}

const wrongId = new CallFailed('shop.order', {
  type: 'about:blank',
  title: 'Bad Request',
  status: 400,
  code: 'SW_INPUT_INVALID',
  issues: [{ path: 'id', message: 'is too long' }],
});

test('G14: what of the request breaks the rules of a required part is the answer; of a part that hangs on another, it is 502', async () => {
  const own = await ask([page], { ...fine, order: fails(wrongId) });
  assert.deepEqual([own.status, own.json['code'], own.json['issues']], [400, 'SW_INPUT_INVALID', [{ path: 'id', message: 'is too long' }]]);
  const hanging = aggregate('GET /api/customers/{id}', ({ part }) => {
    const order = part(shop.order, ({ params }) => params);
    return { customer: part(shop.customer, ({ order }) => ({ id: order.customer }), { after: { order } }) };
  });
  const others = await ask([hanging], { ...fine, customer: fails(wrongId) });
  assert.deepEqual([others.status, others.json['code']], [502, 'SW_GATEWAY_PARTS_MISSING']);
});

test('a required part that hangs on an absent one answers in the words of that one, whichever is named first', async () => {
  const hanging = aggregate('GET /api/customers/{id}', ({ part }) => {
    const order = part(shop.order, ({ params }) => params);
    return { customer: part(shop.customer, ({ order }) => ({ id: order.customer }), { after: { order } }), order };
  });
  const answer = await ask([hanging], { ...fine, order: fails(new Failure('NotFound', undefined)) });
  assert.deepEqual([answer.status, answer.json['error']], [404, 'NotFound']);
});

/** The milliseconds that the deadline of a call leaves it. */
const leftOf = (asked: { readonly options: CallOptions } | undefined): number | undefined =>
  (asked?.options.deadline as Deadline | undefined)?.remaining();

test('a route passes path, body and key on, and the answer back with status and Location', async () => {
  const placing = route('POST /api/orders/{id}', shop.place);
  const { status, headers, json, asked } = await ask([placing], fine, { body: { n: 5 }, headers: { 'idempotency-key': 'k' } });
  assert.deepEqual([status, headers['location'], json], [201, '/api/orders/1', { id: '1' }]);
  assert.deepEqual([asked[0]?.input, asked[0]?.options.key], [{ n: 5, id: '1' }, 'k']);
  assert.ok((leftOf(asked[0]) ?? 0) > 0);
});

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

test('a client that leaves stops every call that its request has made, in a route and an aggregate', async () => {
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

for (const [what, error, status, retryAfter] of [
  ['an open breaker', open, 503, '3'],
  ['a deadline', late, 504, undefined],
  [
    "a service's refusal",
    new CallFailed('shop.place', { type: 'about:blank', title: 'Bad Request', status: 400, issues: [{ path: 'n', message: 'm' }] }),
    400,
    undefined,
  ],
  ["a service's failure", new CallFailed('shop.place', { type: 'about:blank', title: 'x', status: 500 }), 502, undefined],
  ['an upstream that is not there', new Unreachable('POST http://10.1.2.3:1234/orders got no answer (ECONNREFUSED)'), 503, undefined],
  ['a bug of the gateway', new Error('the password is 1234'), 500, undefined],
] as const) {
  test(`a route answers ${what} with ${status}, as a problem document`, async () => {
    const answer = await ask([route('POST /api/orders/{id}', shop.place)], { place: fails(error) }, { body: {} });
    assert.equal(answer.status, status);
    assert.equal(answer.headers['retry-after'], retryAfter);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.doesNotMatch(answer.body ?? '', /1234/);
    if (status === 400) assert.deepEqual(answer.json['issues'], [{ path: 'n', message: 'm' }]);
  });
}

test('routes that match the same requests, and a part named meta, are refused', () => {
  assert.throws(() => gateway({ routes: [page, route('GET /api/orders/{id}', shop.order)] }), /match the same requests/);
  assert.throws(() => aggregate('GET /x/{id}', ({ part }) => ({ meta: part(shop.order, ({ params }) => params) })), /named meta/);
});

test('a part that nobody gets, parts that are a promise, and a part that is made later are refused where they are written', async () => {
  const of = ({ params }: { readonly params: { readonly id: string } }): { readonly id: string } => params;
  const forgets = (): unknown =>
    aggregate('GET /x/{id}', ({ part }) => {
      part(shop.payment, of);
      return { order: part(shop.order, of) };
    });
  assert.throws(forgets, /GET \/x\/\{id\} makes a part of shop\.payment that nobody gets/);
  const promises = (): unknown => aggregate('GET /x/{id}', (async () => ({})) as never);
  assert.throws(promises, /the parts of GET \/x\/\{id\} are a promise/);
  let late: () => unknown = () => assert.fail('it was kept');
  aggregate('GET /x/{id}', ({ part }) => {
    late = () => part(shop.payment, of);
    return { order: part(shop.order, of) };
  });
  assert.throws(late, /after its parts had been returned/);
});

test('a shape may take its time, and what it throws is a failure', async () => {
  const shaped = (shape: () => Promise<unknown>): Route =>
    aggregate('GET /api/orders/{id}', ({ part }) => ({ order: part(shop.order, ({ params }) => params) }), shape);
  assert.deepEqual((await ask([shaped(async () => ({ a: 1 }))], fine)).json, { a: 1 });
  const failing = shaped(() => Promise.reject(new Error('no shape')));
  assert.equal((await ask([failing], fine)).status, 500);
});

test('a shape that makes something of which JSON would say less is a failure, and not sent', async () => {
  for (const [what, [value]] of Object.entries(lossy)) {
    const shaped = aggregate(
      'GET /api/orders/{id}',
      ({ part }) => ({ order: part(shop.order, ({ params }) => params) }),
      () => ({ value }),
    );
    assert.equal((await ask([shaped], fine)).status, 500, what);
  }
});

test('a route that cannot carry the input of its operation is refused where it is written', () => {
  const bare = command({ http: 'POST /name', input: Ref });
  const api = contract('api', {
    make: command({ http: 'POST /make', input: z.object({ id: z.string(), inner: z.object({ a: z.string() }) }) }),
    name: bare,
    made: event({ key: 'id', data: Ref }),
    open: command({ http: 'POST /open', input: z.looseObject({ id: z.string() }) }),
    list: query({ http: 'GET /list', input: z.object({ ids: z.array(z.string()) }), output: Ref }),
  });
  for (const [what, make, says] of [
    ['an object in a query string', () => route('DELETE /x/{id}', api.make), /api\.make\.input\.inner would travel in the query string/],
    ['an object in a path', () => route('POST /x/{inner}', api.make), /api\.make\.input\.inner is in the path/],
    ['a list in a path', () => route('GET /x/{ids}', api.list), /api\.list\.input\.ids is in the path/],
    ['any fields in a query string', () => route('DELETE /x/{id}', api.open), /can only have fields that it names/],
    [
      'an event',
      () => route('POST /x/{id}', api.made as unknown as typeof api.name),
      /leads to the event api\.made: a route leads to a command or a query/,
    ],
    ['what is in no contract', () => route('POST /x', bare as typeof api.name), /leads to something that is not in a contract/],
    ['nothing', () => route('POST /x', {} as typeof api.name), /leads to something that is not in a contract/],
    ['a command by GET', () => route('GET /x/{id}', api.name), /api\.name is a command, and a GET must not change anything/],
  ] as const)
    assert.throws(make, (error: unknown) => error instanceof GatewayInvalid && says.test(error.message), what);
  assert.equal(route('DELETE /x/{id}', api.name).http, 'DELETE /x/{id}');
});

test('each upstream has a breaker of its own: one that fails opens without the others', async () => {
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
  test(`a service that ${what} is 502, with the detail in the log and nothing of it in the answer`, async () => {
    const routed = await ask([route('GET /api/orders/{id}', shop.order)], { order: fails(error) });
    const aggregated = await ask([page], { ...fine, order: fails(error) });
    assert.deepEqual([routed.status, routed.json['code'], aggregated.status], [502, code, 502]);
    for (const { body, told } of [routed, aggregated]) {
      assert.doesNotMatch(body ?? '', /internal/);
      assert.equal(told.length, 1);
      assert.match(String(told[0]?.attributes['error']), /internal/);
      assert.equal(told[0]?.attributes['route'], 'GET /api/orders/{id}');
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
    const { status: said, told, body } = await ask([broken(where)], fine);
    assert.equal(said, status);
    assert.deepEqual([told[0]?.level, told[0]?.attributes['route']], ['error', 'GET /api/orders/{id}']);
    assert.ok(told[0]?.attributes['error'] instanceof Error);
    assert.doesNotMatch(body ?? '', /of the shape|circular/);
  });

test('the log is told why an optional part is missing, but of a declared error, an open breaker or lateness, which metrics tell', async () => {
  const wrong = new CallFailed('shop.payment', { type: 'about:blank', title: 'Bad Request', status: 400 });
  for (const [error, level] of [
    [new AnswerInvalid('other contracts'), 'error'],
    [new Unreachable('nobody there'), 'warn'],
    [new Error('bug'), 'error'],
    [new Failure('Frozen', undefined), undefined],
    [open, undefined],
    [late, undefined],
    [wrong, undefined],
  ] as const) {
    const { told } = await ask([page], { ...fine, payment: fails(error) });
    assert.deepEqual(
      told.map((one) => one.level),
      level ? [level] : [],
      String(error),
    );
  }
});

test('a route whose path is none, or not to be had, is refused when the gateway is defined', () => {
  for (const [http, says] of [
    ['GET /metrics', /is the toolkit's own|are the toolkit's own/],
    ['POST /health/live', /the toolkit's own/],
    ['GET /x/{id}/{id}', /twice/],
    ['GET /x/../y', /out of a path/],
    ['FETCH /x', /write one of GET/],
    ['GET x', /write one of GET/],
    ['GET /x/*', /write one of GET/],
  ] as const)
    assert.throws(
      () => gateway({ routes: [route(http as 'GET /x', shop.order)] }),
      (error: unknown) => error instanceof GatewayInvalid && says.test(error.message),
    );
});
