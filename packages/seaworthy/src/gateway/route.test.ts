import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { CallFailed, Unreachable } from '../client/errors.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import { GatewayInvalid } from './errors.ts';
import { route } from './route.ts';
import { ask, fails, fine, late, leftOf, open, Ref, shop } from './shop.fixture.ts';

test('a route forwards path, body and key, and returns the answer with its status and Location', async () => {
  const placing = route('POST /api/orders/{id}', shop.place);
  const { status, headers, json, asked } = await ask([placing], fine, { body: { n: 5 }, headers: { 'idempotency-key': 'k' } });
  assert.deepEqual([status, headers['location'], json], [201, '/api/orders/1', { id: '1' }]);
  assert.deepEqual([asked[0]?.input, asked[0]?.options.key], [{ n: 5, id: '1' }, 'k']);
  assert.ok((leftOf(asked[0]) ?? 0) > 0);
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

test('a route that cannot carry the input of its operation is refused by its definition', () => {
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
