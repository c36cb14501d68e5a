import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayInvalid } from './errors.ts';
import { gateway } from './gateway.ts';
import { route } from './route.ts';
import { page, shop } from './shop.fixture.ts';

test('routes that match the same requests are refused', () => {
  assert.throws(() => gateway({ routes: [page, route('GET /api/orders/{id}', shop.order)] }), /match the same requests/);
});

test('a route whose path is invalid or reserved is refused by the definition of the gateway', () => {
  for (const [http, says] of [
    ['GET /metrics', /belong to the toolkit/],
    ['POST /health/live', /belong to the toolkit/],
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
