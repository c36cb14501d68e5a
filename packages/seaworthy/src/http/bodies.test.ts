import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { runtime } from '../core/runtime.ts';
import type { BodyLimits } from './bodies.ts';
import { failedReply } from './reply.ts';
import { type HttpRoute, type HttpServer, httpServer } from './server.ts';

const servers: HttpServer[] = [];
const sockets: Socket[] = [];
after(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => server.close()));
});

async function serve(bodies: BodyLimits = {}): Promise<HttpServer> {
  const route = (method: string): HttpRoute => ({
    method,
    path: '/things',
    handle: async ({ body }) => ({ status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ body }) }),
  });
  const routes = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].map(route);
  const server = await httpServer({ bodies, failed: (error) => failedReply(runtime(), error), routes });
  servers.push(server);
  return server;
}

const json = 'content-type: application/json\r\n';
const head = `POST /things HTTP/1.1\r\nhost: x\r\n${json}`;

/** Begins a request; `until` waits for what comes to look so, `closed` for the end. */
function client({ port }: HttpServer, bytes: string): { socket: Socket; until(pattern: RegExp): Promise<string>; closed: Promise<string> } {
  const socket = connect({ port, host: '127.0.0.1' });
  sockets.push(socket);
  let text = '';
  let look = (): void => {};
  socket
    .on('error', () => {})
    .on('data', (data) => {
      text += data;
      look();
    });
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  socket.write(bytes);
  const until = (pattern: RegExp): Promise<string> =>
    Promise.race([
      new Promise<string>((resolve) => {
        look = () => void (pattern.test(text) && resolve(text));
        look();
      }),
      closed,
    ]);
  return { socket, until, closed };
}

test('G14: when all bodies together exceed the limit, the largest is refused with 503 and Retry-After, and its connection closes', async () => {
  const server = await serve({ each: 1000, together: 2000 });
  const begin = (length: number, sent: number): ReturnType<typeof client> =>
    client(server, `${head}content-length: ${length}\r\n\r\n${' '.repeat(sent)}`);
  const some = [begin(900, 850), begin(900, 860), begin(900, 870)];
  const refused = await Promise.race(some.map(({ closed }) => closed));
  assert.match(refused, /^HTTP\/1\.1 503 [\s\S]*retry-after: 1[\s\S]*connection: close[\s\S]*SW_HTTP_OVERLOADED/);
  const small = await client(server, `${head}content-length: 2\r\n\r\n{}`).until(/\}$/);
  assert.match(small, /^HTTP\/1\.1 200 /);
  // What is over, is over: there is room again.
  for (const { socket } of some) socket.destroy();
  for (let time = 0; time < 5; time++) {
    const whole = client(server, `${head}content-length: 900\r\n\r\n"${'x'.repeat(898)}`);
    whole.socket.write('"');
    assert.match(await whole.until(/\}$/), /^HTTP\/1\.1 200 /);
    whole.socket.destroy();
  }
});

test('G14: a body in many small chunks takes at most twice its bytes in memory', async () => {
  const server = await serve({ each: 20_000, together: 20_000 });
  const { socket, until } = client(server, `${head}transfer-encoding: chunked\r\n\r\n1\r\n"\r\n`);
  socket.write('1\r\nx\r\n'.repeat(15_000));
  socket.write('1\r\n"\r\n0\r\n\r\n');
  assert.match(await until(/\}\r?\n?/), /^HTTP\/1\.1 200 /);
});

test('a body that stalls is answered 408, and the connection closes', async () => {
  const server = await serve({ stall: '50ms' });
  const text = await client(server, `${head}content-length: 20\r\n\r\n{`).closed;
  assert.match(text, /^HTTP\/1\.1 408 [\s\S]*body: no more of it came in time/);
});

test('a body is received whole from pieces of any size', async () => {
  const server = await serve();
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme', maxLength: 3000 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 2000 }),
      async (value, chunked, size) => {
        const bytes = Buffer.from(JSON.stringify(value));
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
        const answer = await fetch(`${server.url}/things`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...(!chunked && { 'content-length': String(bytes.length) }) },
          body: ReadableStream.from(pieces),
          duplex: 'half',
        } as RequestInit);
        assert.deepEqual(await answer.json(), { body: value });
      },
    ),
    { numRuns: 40 },
  );
});

for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
  for (const [what, headers] of [
    ['of JSON', { 'content-type': 'application/json' }],
    ['of something else', { 'content-type': 'text/plain' }],
    ['that is none', { 'content-type': 'json' }],
  ] as const)
    test(`a ${method} with a content type ${what} and no content has no body`, async () => {
      const server = await serve();
      const answer = await fetch(`${server.url}/things`, { method, headers });
      assert.deepEqual([answer.status, await answer.json()], [200, {}]);
    });

test('a HEAD is answered like its GET, without the body (RFC 9110, 9.3.2)', async () => {
  const server = await serve();
  for (const [path, status] of [
    ['/things', 200],
    ['/nowhere', 404],
  ] as const) {
    const get = await fetch(`${server.url}${path}`);
    const size = (await get.arrayBuffer()).byteLength;
    const answer = await fetch(`${server.url}${path}`, { method: 'HEAD' });
    assert.equal(await answer.text(), '');
    assert.deepEqual([answer.status, answer.headers.get('content-type')], [status, get.headers.get('content-type')]);
    if (status === 200) assert.equal(answer.headers.get('content-length'), String(size));
  }
});
