import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Aimed, aimed } from './aim.ts';
import type { Answer } from './answers.ts';
import { fuzz } from './run.ts';
import { goodRequest, shot } from './shot.ts';
import { type Target, targets } from './spots.ts';
import { findings } from './verdict.ts';
import type { Exchange } from './wire.ts';

const dir = mkdtempSync(join(tmpdir(), 'seaworthy-fuzz-'));
after(() => rmSync(dir, { recursive: true, force: true }));

test('G14: under hostile requests beside good orders the shop stays up, answers by its contract and loses nothing', async () => {
  const { sent, orders, taken, answers, memory, findings: found } = await fuzz({ dir, seed: 1, requests: 200 });
  assert.deepEqual(found, []);
  assert.equal(sent, 200);
  assert.ok(orders >= 20 && taken > 0 && memory.peak > 0);
  for (const status of [200, 202, 400, 404, 415]) assert.ok((answers[status] ?? 0) > 0, `none was answered ${status}`);
});

test('seed and number repeat a request', () => {
  for (let index = 0; index < 200; index++) assert.deepEqual(aimed(7, index), aimed(7, index));
  const chunksOf = (seed: number): readonly (readonly Buffer[])[] =>
    Array.from({ length: 20 }, (_, index) => aimed(seed, index).shot.chunks);
  assert.notDeepEqual(chunksOf(7), chunksOf(8));
});

const target = targets.find(({ name }) => name === 'inventory') as Target;
const spot = target.spots.find(({ operation }) => operation.name === 'stock') as Aimed['spot'];
const one: Aimed = { index: 0, target, spot, shot: shot('test/one', goodRequest(spot)) };
const answer = (status: number, type: string, body: unknown): Answer => ({
  status,
  headers: new Map([['content-type', [type]]]),
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const page = (more: Readonly<Record<string, string>>, text = '<!doctype html>\n<title>API</title>'): Answer => ({
  status: 200,
  headers: new Map(Object.entries({ 'content-type': 'text/html; charset=utf-8', ...more }).map(([name, value]) => [name, [value]])),
  body: text,
});
const closed = { 'content-security-policy': "default-src 'none'; script-src 'self'" };
const came = (...answers: Answer[]): Exchange => ({ answers, rest: '', ended: 'closed' });
const problem = (status: number, more: object = {}): Answer =>
  answer(status, 'application/problem+json; charset=utf-8', { type: 'about:blank', title: 'x', status, code: 'SW_X', ...more });

test('an answer that follows the contract is not a finding', async () => {
  const good = [
    answer(200, 'application/json', { productId: 'a', available: 1, reserved: 0 }),
    answer(200, 'application/json', { openapi: '3.1.0', info: {}, paths: {}, components: {} }),
    answer(200, 'application/json', { asyncapi: '3.0.0', info: {}, channels: {}, components: {} }),
    page(closed),
    page({ ...closed, 'content-type': 'text/javascript; charset=utf-8' }, 'SwaggerUIBundle({});'),
    problem(404),
    problem(400),
  ];
  for (const each of good) assert.deepEqual(await findings(one, came(each)), []);
});

for (const [what, exchange, says] of [
  ['a failure', came(problem(500)), /bad input is not a failure of ours/],
  ['an overload that nobody declared', came(problem(504)), /bad input is not a failure of ours/],
  ['another type', came(answer(404, 'application/json', { status: 404 })), /its content type is application\/json/],
  ['another status inside', came(problem(404, { status: 400 })), /its document says 400/],
  ['a problem without a code', came(problem(404, { code: undefined })), /has no code/],
  ['a body that is not JSON', came(answer(404, 'application/problem+json', '<html>')), /cannot be read/],
  ['much', came(problem(400, { detail: 'x'.repeat(40_000) })), /characters/],
  ['internals', came(problem(400, { detail: 'Error: at run (/app/node_modules/x.js:1:2)' })), /reveals internals/],
  [
    'an output that nobody promised',
    came(answer(200, 'application/json', { productId: 'a', available: -1 })),
    /no operation of this port promises/,
  ],
  [
    'a document of another version',
    came(answer(200, 'application/json', { openapi: '3.0.0', paths: {}, components: {} })),
    /promises that/,
  ],
  ['a page that may load anything', came(page({})), /the page may load anything/],
  ['a script that may load anything', came(page({ 'content-type': 'text/javascript' }, 'SwaggerUIBundle()')), /the page may load anything/],
  ['another script', came(page({ ...closed, 'content-type': 'text/javascript' }, 'alert()')), /no operation of this port promises/],
  ['another page', came(page(closed, '<html>')), /no operation of this port promises/],
  ['nothing', came(), /0 answers came of 1/],
  ['two answers', came(problem(404), problem(404)), /2 answers came to 1 requests/],
  ['bytes that are not HTTP', { ...came(problem(404)), rest: 'oops' }, /the bytes that came are not an HTTP answer/],
] as const) {
  test(`an answer with ${what} is a finding`, async () => {
    assert.match((await findings(one, exchange)).join(), says);
  });
}

test('a request that must be refused and is accepted is a finding', async () => {
  const strict: Aimed = { ...one, shot: { ...one.shot, refused: [413] } };
  assert.match((await findings(strict, came(problem(400)))).join(), /should be 413/);
});
