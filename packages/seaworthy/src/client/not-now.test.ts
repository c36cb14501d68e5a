import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { contract, query } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { caller } from './caller.ts';
import { CallFailed } from './errors.ts';
import { http } from './transports/http.ts';

const desk = contract('desk', { ask: query({ http: 'GET /ask', input: z.object({}), output: z.object({ ok: z.boolean() }) }) });
/** What a proxy in front of the service answers, until there is nothing more: then the service does. */
const refusals: { readonly status: number; readonly headers: Readonly<Record<string, string | readonly string[]>> }[] = [];
let asked = 0;
const server = createServer((_request, response) => {
  asked++;
  const refusal = refusals.shift();
  if (!refusal) return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
  response.statusCode = refusal.status;
  for (const [name, value] of Object.entries(refusal.headers)) response.setHeader(name, value);
  response.end('<html>');
});
let url = '';
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

async function ask(): Promise<unknown> {
  const wire = http(url);
  asked = 0;
  try {
    return await caller({ runtime: runtime({ random: { next: () => 0 } }), transportOf: () => wire })(desk.ask, {});
  } catch (error) {
    return error;
  } finally {
    refusals.length = 0;
    await wire.close();
  }
}

test('a temporary refusal of a proxy is retried, a final one is not', async () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    refusals.push({ status, headers: {} });
    assert.deepEqual(await ask(), { ok: true }, String(status));
    assert.equal(asked, 2);
  }
  for (const status of [400, 404, 409, 410, 413, 422, 431]) {
    refusals.push({ status, headers: {} });
    assert.ok((await ask()) instanceof CallFailed);
    assert.equal(asked, 1, String(status));
  }
});

test('a Retry-After beyond the longest backoff prevents a retry, in each of its forms', async () => {
  const inAMinute = new Date(Date.now() + 60_000).toUTCString();
  const fast = new Date(Date.now() + 86_400_000);
  for (const headers of [
    { 'retry-after': '60' },
    { 'retry-after': inAMinute },
    { 'retry-after': '99999999999' },
    { 'retry-after': 'in a minute' },
    { 'retry-after': '-60' },
    { 'retry-after': ['0', '60'] },
    // Its clock is a day fast: what counts is the difference between the two.
    { 'retry-after': new Date(fast.getTime() + 60_000).toUTCString(), date: fast.toUTCString() },
    // And a day slow, so that the moment seems to be over.
    { 'retry-after': 'Sun, 06 Nov 1994 08:50:37 GMT', date: 'Sun, 06 Nov 1994 08:49:37 GMT' },
  ]) {
    refusals.push({ status: 503, headers });
    const error = await ask();
    assert.ok(error instanceof CallFailed && (error.retryAfterMs ?? 0) >= 10_000, JSON.stringify(headers));
    assert.equal(asked, 1, JSON.stringify(headers));
  }
});
