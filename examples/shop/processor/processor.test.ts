import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Books, openBooks } from './books.ts';
import { processor } from './server.ts';

const dir = mkdtempSync(join(tmpdir(), 'seaworthy-processor-'));
let books: Books;
let url = '';
let close = (): void => {};
before(async () => {
  books = openBooks(dir);
  const server = processor({ books, slowMs: 60_000 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = () => {
    server.close();
    server.closeAllConnections();
  };
});
after(() => {
  close();
  books.close();
  rmSync(dir, { recursive: true, force: true });
});

async function post(
  path: string,
  key: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'idempotency-key': key, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
const charge = (key: string, token = 'tok_ok', amount = 500): ReturnType<typeof post> =>
  post('/charges', key, { orderId: `o-${key}`, amount, token });
const get = async (path: string): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, body: await response.json() };
};

test('one key charges once, for any number of sequential and concurrent requests', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, () => charge('k1')));
  assert.deepEqual(new Set(all.map(({ status, body }) => `${status} ${body['chargeId']}`)).size, 1);
  const { body } = await get('/charges?orderId=o-k1');
  assert.equal((body as { charges: unknown[] }).charges.length, 1);
  assert.equal((await charge('k1', 'tok_ok', 501)).status, 422);
});

test('tok_declined is not captured, tok_flaky succeeds at the third request, tok_down never', async () => {
  assert.equal((await charge('d1', 'tok_declined')).status, 402);
  assert.equal((await charge('d1', 'tok_declined')).status, 402);
  assert.deepEqual((await get('/charges?orderId=o-d1')).body, { charges: [] });
  assert.deepEqual(
    [(await charge('f1', 'tok_flaky')).status, (await charge('f1', 'tok_flaky')).status, (await charge('f1', 'tok_flaky')).status],
    [503, 503, 200],
  );
  for (let tries = 0; tries < 5; tries++) assert.equal((await charge('x1', 'tok_down')).status, 503);
});

test('tok_slow is charged although its caller gave up, and a repeat is answered at once', async () => {
  const leaving = new AbortController();
  const first = post('/charges', 's1', { orderId: 'o-s1', amount: 500, token: 'tok_slow' }, leaving.signal);
  first.catch(() => {});
  while ((await get('/charges/s1')).status !== 200);
  leaving.abort();
  await assert.rejects(first);
  assert.equal((await charge('s1', 'tok_slow')).body['state'], 'captured');
});

test('void refunds a capture and prevents a charge under a new key', async () => {
  await charge('v1');
  assert.equal((await post('/charges/v1/void', 'v1')).body['state'], 'refunded');
  assert.equal((await post('/charges/v1/void', 'v1')).body['state'], 'refunded');
  assert.equal((await post('/charges/v2/void', 'v2')).body['state'], 'void');
  assert.equal((await charge('v2')).status, 410);
  assert.equal((await post('/charges/x1/void', 'x1')).body['state'], 'void');
});

test('wrong requests are refused with the field and the rule', async () => {
  const wrong: readonly [unknown, RegExp][] = [
    [{ orderId: '', amount: 1, token: 't' }, /^orderId: must be/],
    [{ orderId: 'o', amount: 1.5, token: 't' }, /^amount: must be a whole number/],
    [{ orderId: 'o', amount: 1 }, /^token: must be/],
    [[], /^body: must be a JSON object/],
  ];
  for (const [body, says] of wrong) {
    const refused = await post('/charges', 'w1', body);
    assert.equal(refused.status, 400);
    assert.match(String(refused.body['detail']), says);
  }
  const unkeyed = await fetch(`${url}/charges`, { method: 'POST', body: '{}' });
  assert.equal(unkeyed.status, 400);
});
