import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { command, contract, event, query } from '../contract/contract.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { saga } from '../saga/definition.ts';
import { service } from '../service/service.ts';
import { FleetInvalid, fleet } from './fleet.ts';
import type { StartOptions } from './options.ts';
import { plan } from './plan.ts';
import { start } from './start.ts';

const stock = contract('stock', {
  take: command({ http: 'POST /take', input: z.object({ id: z.string() }), output: z.object({ left: z.int() }) }),
});
const orders = contract('orders', {
  place: command({ http: 'POST /orders', input: z.object({ id: z.string() }) }),
  order: query({ http: 'GET /orders/{id}', input: z.object({ id: z.string() }), output: z.object({ state: z.string() }) }),
  placed: event({ key: 'id', data: z.object({ id: z.string() }) }),
});
const mails = contract('mails', { sent: query({ http: 'GET /sent', input: z.object({}), output: z.object({ count: z.int() }) }) });

const fulfil = saga(orders, 'fulfil', { input: z.object({ id: z.string() }), uses: [stock] })
  .step('take', { do: ({ input, call }) => call(stock.take, { id: input.id }), undo: () => undefined })
  .local('done', { do: ({ tx, input }) => tx.run("update placed set state = 'done' where id = ?", input.id).then(() => undefined) });

const shop = fleet({
  services: [
    service(stock, { handlers: { take: () => ({ left: 1 }) } }),
    service(orders, {
      migrations: [{ name: 'orders/1', statements: ['create table placed (id text primary key, state text not null)'] }],
      sagas: [fulfil],
      handlers: {
        async place({ input, tx, publish, start: begin }) {
          await tx.run('insert into placed values (?, ?)', input.id, 'pending');
          publish('placed', input);
          begin(fulfil, input);
        },
        async order({ input, read }) {
          const [row] = await read.all('select state from placed where id = ?', input.id);
          return { state: String(row?.['state'] ?? 'unknown') };
        },
      },
    }),
    service(mails, {
      migrations: [{ name: 'mails/1', statements: ['create table mail (id text primary key)'] }],
      handlers: { sent: async ({ read }) => ({ count: (await read.all('select 1 from mail')).length }) },
      on: (on) => [on(orders.placed, ({ data, tx }) => tx.run('insert into mail values (?)', data.id).then(() => undefined))],
    }),
  ],
  gateway: gateway({
    routes: [route('POST /orders', orders.place), route('GET /orders/{id}', orders.order), route('GET /sent', mails.sent)],
  }),
});

const refused: readonly [string, StartOptions, RegExp][] = [
  [
    'a service that is not in the fleet',
    { only: ['order'] },
    /only names order, which the fleet does not have: it has stock, orders, mails/,
  ],
  ['an address of an unknown service', { addresses: { nobody: 'http://a' } }, /addresses names nobody/],
  [
    'invalid limits of bodies',
    { listen: { bodies: { each: Number.NaN, together: 0 } } },
    /listen\.bodies\.each must be .*, got NaN; listen\.bodies\.together must be a whole number of bytes from 1 on, got 0/,
  ],
  ['a port of an unknown service', { listen: { services: { nobody: 1 } } }, /listen\.services names nobody/],
  [
    'an address with a path',
    { only: ['mails'], addresses: { stock: 'http://a/b' } },
    /addresses\.stock must be http:\/\/HOST:PORT, got "http:\/\/a\/b"/,
  ],
  ['an invalid address', { only: ['mails'], addresses: { stock: 'a:b:c' } }, /addresses\.stock must be .*, got "a:b:c"/],
  [
    'a port out of range',
    { listen: { port: -1, services: { stock: 70_000 }, operations: { port: 0.5 } } },
    /listen\.port must be a port from 0 to 65535, got -1; listen\.operations\.port must be .*, got 0\.5; listen\.services\.stock must be .*, got 70000/,
  ],
  [
    'a saga whose callee has no address',
    { only: ['orders'] },
    /the saga fulfil of orders calls stock, .*add it to `only` or to `addresses`/,
  ],
  ['a route whose upstream has no address', { only: ['gateway'] }, /the route GET \/sent calls mails/],
];
for (const [what, options, message] of refused) {
  test(`${what} is refused by option and rule`, () => {
    assert.throws(
      () => plan(shop, options),
      (error: unknown) => error instanceof FleetInvalid && message.test(error.message),
    );
  });
}

test('a callee that is not in the fleet is refused with the advice to add it', () => {
  const [, ...rest] = shop.services;
  assert.throws(
    () => plan({ ...shop, services: rest }, {}),
    /the saga fulfil of orders calls stock, which the fleet does not have: add its service to the `services` of the fleet/,
  );
});

test('one error names every mistake', () => {
  assert.throws(
    () => plan(shop, { only: ['gateway', 'x'], listen: { services: { y: 0 } } }),
    /names x.*names y.*calls orders.*calls mails/,
  );
});

test('services and gateway in processes of their own do together what one process does', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'seaworthy-plan-'));
  const first = await start(shop, { dir, only: ['stock'], listen: { services: true } });
  const second = await start(shop, { dir, only: ['mails'], listen: { services: true } });
  const third = await start(shop, { dir, only: ['orders'], listen: { services: true }, addresses: first.urls });
  const front = await start(shop, { dir, only: ['gateway'], addresses: { ...first.urls, ...second.urls, ...third.urls } });
  try {
    assert.deepEqual([first.url, second.url, third.url], [undefined, undefined, undefined]);
    const post = await fetch(`${front.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'o1' }),
    });
    assert.equal(post.ok, true);
    const get = async (path: string): Promise<unknown> => (await fetch(`${front.url}${path}`)).json();
    const settled = async (): Promise<boolean> =>
      ((await get('/orders/o1')) as { state: string }).state === 'done' && ((await get('/sent')) as { count: number }).count === 1;
    while (!(await settled())) await new Promise((resolve) => setTimeout(resolve, 10));
  } finally {
    for (const one of [front, third, second, first]) await one.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
