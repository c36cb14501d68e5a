import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { Pool } from 'undici';
import { macrotask } from '../../core/event-loop.ts';
import { exchange } from './exchange.ts';

const held: { readonly url: string; readonly response: ServerResponse }[] = [];
const server = createServer(({ url = '' }, response) => void held.push({ url, response }));
let pool: Pool;
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 1 });
});
after(async () => {
  await pool.destroy();
  server.close();
});

const ask = (path: string, signal = new AbortController().signal) => exchange(pool, { method: 'GET', path }, signal);
/** The response of the request for `path`, once it has come. */
async function asked(path: string): Promise<ServerResponse> {
  for (;;) {
    const found = held.find(({ url }) => url === path);
    if (found) return found.response;
    await macrotask();
  }
}

test('an answer is received whole, in any number of pieces, after an interim one', async () => {
  const whole = ask('/pieces');
  const response = await asked('/pieces');
  response.writeProcessing();
  response.writeHead(201, { 'content-type': 'text/plain' });
  const bytes = Buffer.from('für Ägäis');
  response.write(bytes.subarray(0, 2)); // in the middle of a letter
  await macrotask();
  response.end(bytes.subarray(2));
  const { status, headers, text } = await whole;
  assert.deepEqual([status, headers['content-type'], text], [201, 'text/plain', 'für Ägäis']);
});

test('an abort rejects at once, also while the request waits for a connection, and then nothing is sent', async () => {
  const first = ask('/first');
  const response = await asked('/first');
  const leaving = new AbortController();
  const waiting = ask('/never', leaving.signal);
  leaving.abort(new Error('left'));
  await assert.rejects(waiting, /left/);
  await assert.rejects(ask('/never', AbortSignal.abort(new Error('before'))), /before/);
  response.end('first');
  assert.equal((await first).text, 'first');
  const cut = new AbortController();
  const running = ask('/cut', cut.signal);
  await asked('/cut');
  cut.abort(new Error('cut'));
  await assert.rejects(running, /cut/);
  const next = ask('/next');
  (await asked('/next')).end('next');
  assert.equal((await next).text, 'next');
  assert.ok(!held.some(({ url }) => url === '/never'));
});

test('a connection that breaks in the middle of an answer rejects', async () => {
  const broken = ask('/broken');
  const response = await asked('/broken');
  response.writeHead(200, { 'content-length': '10' });
  response.write('half');
  await macrotask();
  response.destroy();
  await assert.rejects(broken);
});
