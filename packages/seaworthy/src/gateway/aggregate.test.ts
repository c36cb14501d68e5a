import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../client/call.ts';
import { CallFailed } from '../client/errors.ts';
import { lossy } from '../contract/conformance/lossy.ts';
import { aggregate } from './aggregate.ts';
import type { Route } from './gateway.ts';
import { ask, fails, fine, late, open, page, shop } from './shop.fixture.ts';

test('an aggregate calls each part once, with the results that it needs of others', async () => {
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

for (const [what, error, part] of [
  ['a declared 404', new Failure('NotFound', undefined), 'absent'],
  ['another declared error', new Failure('Frozen', undefined), 'failed'],
  ['a failure', new CallFailed('shop.payment', { type: 'about:blank', title: 'x', status: 500 }), 'failed'],
  ['too late', late, 'timeout'],
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
  ['it is a declared 404', new Failure('NotFound', undefined), 404, undefined],
  ['it fails', new Error('bug'), 502, undefined],
  ['it is too late', late, 504, undefined],
  ['its breaker is open', open, 503, '3'],
] as const) {
  test(`a required part: when ${what} the answer is ${status}, and a part that needs it is absent`, async () => {
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

test('G14: the answer is the refusal of a required part whose input is the request; a refused part that needs another is 502', async () => {
  const own = await ask([page], { ...fine, order: fails(wrongId) });
  assert.deepEqual([own.status, own.json['code'], own.json['issues']], [400, 'SW_INPUT_INVALID', [{ path: 'id', message: 'is too long' }]]);
  const hanging = aggregate('GET /api/customers/{id}', ({ part }) => {
    const order = part(shop.order, ({ params }) => params);
    return { customer: part(shop.customer, ({ order }) => ({ id: order.customer }), { after: { order } }) };
  });
  const others = await ask([hanging], { ...fine, customer: fails(wrongId) });
  assert.deepEqual([others.status, others.json['code']], [502, 'SW_GATEWAY_PARTS_MISSING']);
});

test('a required part that needs an absent one answers with the declared error of that one, in either order', async () => {
  const hanging = aggregate('GET /api/customers/{id}', ({ part }) => {
    const order = part(shop.order, ({ params }) => params);
    return { customer: part(shop.customer, ({ order }) => ({ id: order.customer }), { after: { order } }), order };
  });
  const answer = await ask([hanging], { ...fine, order: fails(new Failure('NotFound', undefined)) });
  assert.deepEqual([answer.status, answer.json['error']], [404, 'NotFound']);
});

test('a part that is not used, parts that are a promise, and a part that is made later are refused by the definition', async () => {
  const of = ({ params }: { readonly params: { readonly id: string } }): { readonly id: string } => params;
  const forgets = (): unknown =>
    aggregate('GET /x/{id}', ({ part }) => {
      part(shop.payment, of);
      return { order: part(shop.order, of) };
    });
  assert.throws(forgets, /GET \/x\/\{id\} makes a part of shop\.payment that is not used/);
  const promises = (): unknown => aggregate('GET /x/{id}', (async () => ({})) as never);
  assert.throws(promises, /the parts of GET \/x\/\{id\} are a promise/);
  let late: () => unknown = () => assert.fail('it was kept');
  aggregate('GET /x/{id}', ({ part }) => {
    late = () => part(shop.payment, of);
    return { order: part(shop.order, of) };
  });
  assert.throws(late, /after the parts were returned/);
});

test('a shape may be asynchronous, and an error that it throws is a failure', async () => {
  const shaped = (shape: () => Promise<unknown>): Route =>
    aggregate('GET /api/orders/{id}', ({ part }) => ({ order: part(shop.order, ({ params }) => params) }), shape);
  assert.deepEqual((await ask([shaped(async () => ({ a: 1 }))], fine)).json, { a: 1 });
  const failing = shaped(() => Promise.reject(new Error('no shape')));
  assert.equal((await ask([failing], fine)).status, 500);
});

test('a shape that returns what JSON cannot represent is a failure, and nothing of it is sent', async () => {
  for (const [what, [value]] of Object.entries(lossy)) {
    const shaped = aggregate(
      'GET /api/orders/{id}',
      ({ part }) => ({ order: part(shop.order, ({ params }) => params) }),
      () => ({ value }),
    );
    assert.equal((await ask([shaped], fine)).status, 500, what);
  }
});

test('a part named meta is refused', () => {
  assert.throws(() => aggregate('GET /x/{id}', ({ part }) => ({ meta: part(shop.order, ({ params }) => params) })), /named meta/);
});
