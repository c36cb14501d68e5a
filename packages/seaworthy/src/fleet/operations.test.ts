import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { contract, query } from '../contract/contract.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { service } from '../service/service.ts';
import { fleet } from './fleet.ts';
import type { StartOptions } from './options.ts';
import { start } from './start.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-operations-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

const ping = (name: string) => contract(name, { ping: query({ http: 'GET /ping', input: z.object({}), output: z.object({}) }) });
const one = ping('one');
const two = ping('two');
const whole = fleet({
  services: [service(one, { handlers: { ping: () => ({}) } }), service(two, { handlers: { ping: () => ({}) } })],
  gateway: gateway({ routes: [route('GET /ping', one.ping)] }),
});

async function open(options: StartOptions) {
  const running = await start(whole, { dir: join(root, String(folder++)), logLevel: 'silent', exposition: () => 'a 1\n', ...options });
  const status = async (base: string | undefined, path: string): Promise<number> => (await fetch(`${base}${path}`)).status;
  const title = async (path: string): Promise<string> =>
    ((await (await fetch(`${running.operationsUrl}${path}`)).json()) as { info: { title: string } }).info.title;
  return { running, status, title };
}

test('the port of operations has the only metrics and documents; health is on every port', async () => {
  const { running, status, title } = await open({ listen: { operations: {}, services: true } });
  const { url, urls, operationsUrl } = running;
  for (const path of ['/metrics', '/openapi.json', '/asyncapi.json', '/docs'])
    for (const base of [url, urls['one']]) assert.equal(await status(base, path), 404, `${base}${path}`);
  for (const base of [url, urls['one'], operationsUrl])
    for (const path of ['/health/live', '/health/ready', '/health/startup']) assert.equal(await status(base, path), 200);
  assert.equal(await status(operationsUrl, '/health/ready/two'), 200);
  assert.equal(await (await fetch(`${operationsUrl}/metrics`)).text(), 'a 1\n');
  assert.deepEqual(await Promise.all(['/openapi.json', '/one/openapi.json', '/two/asyncapi.json'].map(title)), ['gateway', 'one', 'two']);
  assert.equal(await status(operationsUrl, '/ping'), 404);
  assert.equal(await status(url, '/ping'), 200);
  await running.stop();
  await assert.rejects(fetch(`${operationsUrl}/metrics`));
});

test('the port of operations may be the only one of a process', async () => {
  const { running, status, title } = await open({ listen: { operations: { host: '127.0.0.1' } }, only: ['two'] });
  assert.deepEqual([running.url, await status(running.operationsUrl, '/health/ready')], [undefined, 200]);
  assert.equal(await title('/openapi.json'), 'two');
  await running.stop();
});

test('without a port of operations, metrics are beside the routes', async () => {
  const { running, status } = await open({});
  assert.deepEqual([running.operationsUrl, await status(running.url, '/metrics')], [undefined, 200]);
  await running.stop();
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
for (const host of ['::1', '[::1]', '::'])
  test(`the URL of a server on ${host} reaches it`, { skip: hasIpv6 ? false : 'the machine has no IPv6' }, async () => {
    const { running, status } = await open({ listen: { host, services: true, operations: {} } });
    const { url = '', urls, operationsUrl = '' } = running;
    for (const base of [url, urls['one'] as string, operationsUrl]) {
      assert.equal(new URL(base).hostname, host === '::' ? '[::]' : '[::1]');
      assert.equal(await status(base, '/health/ready'), 200);
    }
    const elsewhere = await open({ listen: { host }, only: ['gateway'], addresses: { one: urls['one'] as string } });
    assert.equal(await status(elsewhere.running.url, '/ping'), 200);
    await elsewhere.running.stop();
    await running.stop();
  });
