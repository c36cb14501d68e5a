import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type OrderPage, type ShopClient, shopClient } from './replay/shop-client.ts';
import { type SpawnedShop, spawnShop } from './spawn.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-shop-'));
after(() => rmSync(root, { recursive: true, force: true }));

describe('the shop, over HTTP', () => {
  let shop: SpawnedShop;
  let client: ShopClient;
  before(async () => {
    shop = await spawnShop({ dir: join(root, 'shop'), env: { SEAWORTHY_PORTS: '1' } });
    client = shopClient(shop.url);
    await client.setStock('mug', 1000);
  });
  after(async () => {
    await client.close();
    assert.equal(await shop.stop(), 0, 'SIGTERM ends it with 0');
  });

  const place = (token: string, key: string, productId = 'mug'): Promise<string> =>
    client.place({ items: [{ productId, quantity: 2, unitPrice: 250 }], paymentToken: token }, key);
  async function settled(
    orderId: string,
    until: (page: OrderPage) => boolean = ({ order }) => order.status !== 'pending',
  ): Promise<OrderPage> {
    for (;;) {
      const page = await client.order(orderId);
      if (until(page)) return page;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const parts = (page: OrderPage): unknown => (page as unknown as { meta: { parts: unknown } }).meta.parts;

  test('a good order is confirmed with one capture and one reservation', async () => {
    const before = await client.stock('mug');
    const id = await place('tok_ok', 'good');
    const page = await settled(id);
    assert.equal(page.order.status, 'confirmed');
    assert.equal(page.order.total, 500);
    assert.deepEqual(page.payment && [page.payment.amount, page.payment.state], [500, 'captured']);
    assert.deepEqual(parts(page), { order: 'ok', payment: 'ok', reservation: 'ok' });
    assert.equal((await client.stock('mug'))?.available, (before?.available ?? 0) - 2);
  });

  test('the same Idempotency-Key gives the same order; another input under it is refused', async () => {
    const id = await place('tok_ok', 'same');
    assert.equal(await place('tok_ok', 'same'), id);
    await assert.rejects(place('tok_down', 'same'), /422/);
  });

  test('an unknown product ends as out_of_stock, a declined card as payment_declined; both reserve and charge nothing', async () => {
    for (const [id, reason] of [
      [await place('tok_ok', 'oos', 'nothing'), 'out_of_stock'],
      [await place('tok_declined', 'declined'), 'payment_declined'],
    ] as const) {
      const page = await settled(id);
      assert.deepEqual([page.order.status, page.order.reason], ['cancelled', reason]);
      assert.deepEqual(parts(page), { order: 'ok', payment: 'absent', reservation: 'absent' });
      assert.deepEqual(await client.captures(id), []);
    }
  });

  test('orders with a flaky and a slow card are confirmed, one with a bank that is down ends as payment_unavailable', async () => {
    const down = await Promise.all(Array.from({ length: 4 }, (_, index) => place('tok_down', `down${index}`)));
    const odd = await Promise.all([place('tok_flaky', 'flaky'), place('tok_slow', 'slow')]);
    const good = await Promise.all(Array.from({ length: 20 }, (_, index) => place('tok_ok', `beside${index}`)));
    for (const id of [...good, ...odd]) assert.equal((await settled(id)).order.status, 'confirmed');
    for (const id of down) {
      const { order } = await settled(id);
      assert.deepEqual([order.status, order.reason], ['cancelled', 'payment_unavailable']);
      assert.deepEqual(await client.captures(id), []);
    }
  });

  test('cancel undoes a pending order, compensates a confirmed one and leaves a cancelled one unchanged', async () => {
    const before = await client.stock('mug');
    const pending = await place('tok_down', 'pending');
    await settled(pending, ({ reservation }) => reservation !== undefined);
    await client.cancel(pending);
    assert.equal((await settled(pending)).order.reason, 'customer');
    const confirmed = await place('tok_ok', 'confirmed');
    await settled(confirmed);
    await client.cancel(confirmed);
    await client.cancel(confirmed);
    const page = await settled(confirmed, ({ order }) => order.status === 'cancelled');
    assert.equal(page.order.reason, 'customer');
    assert.equal(page.payment?.state, 'refunded');
    assert.equal(page.reservation, undefined);
    assert.deepEqual(
      (await client.captures(confirmed)).map(({ state }) => state),
      ['refunded'],
    );
    await client.cancel(confirmed);
    assert.deepEqual(await client.stock('mug'), before);
    await assert.rejects(client.cancel('nobody'), /404/);
  });

  const ask = async (path: string, init?: RequestInit): Promise<{ status: number; type: string | null; text: string }> => {
    const response = await fetch(`${shop.url}${path}`, init);
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  };

  test('the gateway and every service have probes and metrics', async () => {
    for (const path of [
      '/health/live',
      '/health/ready',
      '/health/startup',
      '/health/ready/orders',
      '/health/ready/payments',
      '/health/ready/inventory',
      '/metrics',
    ]) {
      assert.equal((await ask(path)).status, 200, path);
    }
    assert.match((await ask('/metrics')).text, /^seaworthy_store_commits_total\{service="orders"\} \d+$/m);
    assert.deepEqual(
      readdirSync(join(root, 'shop'))
        .filter((name) => name.endsWith('.db'))
        .sort(),
      ['bus.db', 'inventory.db', 'orders.db', 'payments.db', 'processor.db'],
    );
  });

  test('the shop serves its documents, and a page that shows them with local files only', async () => {
    const { paths } = JSON.parse((await ask('/openapi.json')).text) as { paths: object };
    assert.deepEqual(Object.keys(paths), [
      '/api/orders',
      '/api/orders/{orderId}',
      '/api/orders/{orderId}/cancel',
      '/api/orders/{orderId}/payments',
      '/api/products/{productId}/stock',
    ]);
    const { channels } = JSON.parse((await ask('/asyncapi.json')).text) as { channels: object };
    assert.deepEqual(Object.keys(channels), ['orders', 'payments', 'inventory']);
    assert.match((await ask('/docs')).text, /swagger-ui-bundle/);
    assert.match((await ask('/docs/swagger-ui-bundle.js')).text, /SwaggerUIBundle/);
  });

  const json = { 'content-type': 'application/json' };
  const wrong: readonly [string, string, RequestInit, number, RegExp][] = [
    ['no body', '/api/orders', { method: 'POST' }, 400, /items|body/],
    ['broken JSON', '/api/orders', { method: 'POST', headers: json, body: '{' }, 400, /body/],
    ['a poisoned prototype', '/api/orders', { method: 'POST', headers: json, body: '{"__proto__": {"a": 1}}' }, 400, /body/],
    ['another type', '/api/orders', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' }, 415, /content-type/],
    ['a large body', '/api/orders', { method: 'POST', headers: json, body: `"${'x'.repeat(1_100_000)}"` }, 413, /larger/],
    ['a list', '/api/orders', { method: 'POST', headers: json, body: '[]' }, 400, /must be an object/],
    [
      'wrong fields',
      '/api/orders',
      { method: 'POST', headers: json, body: '{"items": [{"productId": "a", "quantity": 0, "unitPrice": 1.5}], "paymentToken": ""}' },
      400,
      /items\.0\.quantity.*items\.0\.unitPrice.*paymentToken/,
    ],
    [
      'a bad key',
      '/api/orders',
      { method: 'POST', headers: { ...json, 'idempotency-key': 'a b' }, body: '{}' },
      400,
      /idempotency-key: takes/,
    ],
    ['a bad deadline', '/api/orders/x', { headers: { 'seaworthy-deadline-ms': '-1' } }, 400, /seaworthy-deadline-ms: takes a whole number/],
    [
      'a text that no database keeps',
      '/api/orders',
      {
        method: 'POST',
        headers: json,
        body: '{"items": [{"productId": "a\\u0000", "quantity": 1, "unitPrice": 1}], "paymentToken": "\\u0000"}',
      },
      400,
      /items\.0\.productId[^;]*U\+0000/,
    ],
    ['negative stock', '/api/products/a/stock', { method: 'PUT', headers: json, body: '{"available": -1}' }, 400, /available/],
    ['no such order', '/api/orders/none', {}, 404, /NotFound/],
    ['no such product', '/api/products/none/stock', {}, 404, /NotFound/],
    ['no such path', '/api/none', {}, 404, /there is no GET/],
    ['no such method', '/api/orders', { method: 'PATCH' }, 404, /there is no PATCH/],
    ['a broken escape', '/api/orders/%zz', {}, 400, /path: is not percent-encoded UTF-8/],
  ];
  for (const [what, path, init, status, says] of wrong) {
    test(`G14: ${what} is a problem document that names the place`, async () => {
      const answer = await ask(path, init);
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.type ?? '', /^application\/problem\+json/);
      assert.match(answer.text, says);
    });
  }

  const post = async (service: string, path: string, body: unknown): Promise<readonly [number, unknown]> => {
    const init = { method: 'POST', headers: json, body: JSON.stringify(body) };
    const response = await fetch(`${shop.services[service]}${path}`, init);
    return [response.status, ((await response.json()) as { error?: unknown; code?: unknown }).error];
  };

  test('G14: an order is reserved and charged once under any keys; another amount is refused', async () => {
    const items = [{ productId: 'mug', quantity: 1, unitPrice: 5 }];
    assert.deepEqual(await post('inventory', '/reservations', { orderId: 'twice', items }), [200, undefined]);
    assert.deepEqual(await post('inventory', '/reservations', { orderId: 'twice', items }), [409, 'AlreadyReserved']);
    const charge = { orderId: 'twice', amount: 5, token: 'tok_ok' };
    assert.deepEqual(await post('payments', '/payments', charge), [200, undefined]);
    assert.deepEqual(await post('payments', '/payments', charge), [200, undefined]);
    assert.deepEqual(await post('payments', '/payments', { ...charge, amount: 6 }), [409, 'ChargedOtherwise']);
    assert.equal((await client.captures('twice')).length, 1);
    assert.deepEqual((await post('payments', '/payments', { ...charge, orderId: 'a b' }))[0], 400);
  });

  test('G14: malformed HTTP is answered and its connection closed; the shop stays up', async () => {
    const { hostname, port } = new URL(shop.url);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.write('NOT HTTP AT ALL\r\n\r\n'));
      socket
        .setEncoding('utf8')
        .on('data', (data) => (text += data))
        .on('end', () => resolve(text))
        .on('error', reject);
    });
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request[\s\S]*application\/problem\+json/);
    assert.equal((await ask('/health/live')).status, 200);
  });
});

test('a wrong environment is refused by name and rule, before anything starts', async () => {
  await assert.rejects(
    spawnShop({ dir: join(root, 'never'), env: { PORT: 'abc', LOG_LEVEL: 'loud' } }),
    /SW_ENVIRONMENT_INVALID: PORT must be .*, got "abc".*LOG_LEVEL must be .*, got "loud"/,
  );
  await assert.rejects(spawnShop({ dir: join(root, 'never'), env: { SEAWORTHY_CRASH_AT: 'nowhere' } }), /SW_CRASH_POINT_UNKNOWN/);
});
