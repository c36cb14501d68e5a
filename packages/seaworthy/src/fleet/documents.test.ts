import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { command, contract, event, query } from '../contract/contract.ts';
import { isToolkits } from '../contract/http.ts';
import { runtime } from '../core/runtime.ts';
import { asyncapi } from '../documents/asyncapi.ts';
import { openapi } from '../documents/openapi.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { documentRoutes } from '../http/documents.ts';
import { failedReply } from '../http/reply.ts';
import { httpServer } from '../http/server.ts';
import { healthRoutes, metricsRoute } from '../service/health.ts';
import { service } from '../service/service.ts';
import { fleet } from './fleet.ts';
import type { StartOptions } from './options.ts';
import { start } from './start.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-documents-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

const Ref = z.object({ id: z.string() });
const desk = contract('desk', { ask: command({ http: 'POST /ask/{id}', input: Ref }), asked: event({ key: 'id', data: Ref }) });
const shelf = contract('shelf', {
  docs: query({ http: 'GET /docs', input: z.object({}), output: z.object({ mine: z.boolean() }) }),
  put: event({ key: 'id', data: Ref }),
});
const front = gateway({ routes: [route('POST /api/ask/{id}', desk.ask)] });
const whole = fleet({
  services: [service(desk, { handlers: { ask: () => undefined } }), service(shelf, { handlers: { docs: () => ({ mine: true }) } })],
  gateway: front,
});

async function open(options: StartOptions = {}) {
  const running = await start(whole, { dir: join(root, String(folder++)), listen: { services: true }, ...options });
  const { url = '', urls } = running;
  const get = async (base: string, path: string): Promise<unknown> => (await fetch(`${base}${path}`)).json();
  return { running, get, url, desk: urls['desk'] as string, shelf: urls['shelf'] as string };
}
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('a service serves its own documents, the gateway its routes and the events of all', async () => {
  const { running, get, url, desk: at } = await open();
  assert.deepEqual(await get(at, '/openapi.json'), plain(openapi(desk)));
  assert.deepEqual(await get(at, '/asyncapi.json'), plain(asyncapi(desk)));
  assert.deepEqual(await get(url, '/openapi.json'), plain(openapi(front)));
  assert.deepEqual(await get(url, '/asyncapi.json'), plain(asyncapi([desk, shelf])));
  await running.stop();
});

test('title, version and description are the given ones; a path of a contract goes before one of the toolkit', async () => {
  const { running, get, url, shelf: at } = await open({ documents: { title: 'The desk', version: '2.0.0' } });
  const info = async (base: string): Promise<unknown> => ((await get(base, '/openapi.json')) as { info: unknown }).info;
  assert.deepEqual(await info(url), { title: 'The desk', version: '2.0.0' });
  assert.deepEqual(await info(at), { title: 'shelf', version: '2.0.0' });
  assert.deepEqual(await get(at, '/docs'), { mine: true });
  await running.stop();
});

test('`documents: false` serves no documents', async () => {
  const { running, url, desk: at } = await open({ documents: false });
  for (const base of [url, at])
    for (const path of ['/openapi.json', '/asyncapi.json', '/docs']) assert.equal((await fetch(`${base}${path}`)).status, 404, path);
  await running.stop();
});

async function page(viewerFolder: string | undefined) {
  let made = 0;
  const routes = documentRoutes({ openapi: () => ({ made: ++made }), asyncapi: () => ({}), viewerFolder: () => viewerFolder });
  assert.equal(made, 0, 'nothing is made before it is asked for');
  const server = await httpServer({ routes, failed: (error) => failedReply(runtime(), error) });
  return { server, get: (path: string) => fetch(`${server.url}${path}`) };
}

test('a document is made at its first request, and once', async () => {
  const { server, get } = await page(undefined);
  assert.deepEqual(await (await get('/openapi.json')).json(), { made: 1 });
  assert.deepEqual(await (await get('/openapi.json')).json(), { made: 1 });
  await server.close();
});

test('without its package the page is a problem that names the package, and the documents are served', async () => {
  const { server, get } = await page(undefined);
  for (const path of ['/docs', '/docs/start.js', '/docs/swagger-ui.css']) {
    const answer = await get(path);
    assert.equal(answer.status, 404);
    const { code, detail } = (await answer.json()) as { code: string; detail: string };
    assert.equal(code, 'SW_DOCUMENTS_VIEWER_MISSING');
    assert.match(detail, /npm install @fastify\/swagger-ui/);
  }
  assert.equal((await get('/asyncapi.json')).status, 200);
  await server.close();
});

test('the page and all that it loads come from this server, and its policy forbids the rest', async () => {
  const files = join(root, 'viewer');
  mkdirSync(files);
  writeFileSync(join(files, 'swagger-ui.css'), 'body {}');
  writeFileSync(join(files, 'swagger-ui-bundle.js'), 'bundle');
  const { server, get } = await page(files);
  const answer = await get('/docs');
  assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'.*connect-src 'self'/);
  const text = await answer.text();
  const loaded = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address as string);
  assert.equal(loaded.length, 4);
  for (const address of loaded.filter((one) => one !== 'data:,')) {
    const got = await fetch(new URL(address, `${server.url}/docs`));
    assert.equal(got.status, 200, address);
    assert.equal(new URL(got.url).origin, server.url);
    assert.match(got.headers.get('content-type') ?? '', /^text\/(css|javascript)/);
  }
  await server.close();
});

test('no value in a path of a contract reaches a route of the toolkit', () => {
  const documents = documentRoutes({ openapi: () => ({}), asyncapi: () => ({}) });
  const health = healthRoutes({ phase: () => 'ready', checks: () => ({}) });
  for (const { method, path } of [...documents, ...health, metricsRoute(() => '')]) assert.ok(method === 'GET' && isToolkits(path), path);
});
