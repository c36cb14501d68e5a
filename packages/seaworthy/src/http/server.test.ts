import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { runtime } from '../core/runtime.ts';
import { connections } from './connections.ts';
import { failedReply } from './reply.ts';
import { type HttpRequest, type HttpRoute, type HttpServer, type HttpServerOptions, httpServer } from './server.ts';

const rt = runtime();
const told = (body: unknown): { status: number; headers: Record<string, string>; body: string } => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

/** Calls of `/held` wait here for the test to let them go. */
const held: { readonly request: HttpRequest; readonly go: () => void }[] = [];
let arrived: (() => void) | undefined;

const serve = (options: Partial<HttpServerOptions> = {}): Promise<HttpServer> =>
  httpServer({
    failed: (error) => failedReply(rt, error),
    routes: [
      { method: 'GET', path: '/things/{id}', handle: async ({ params, headers }) => told({ ...params, key: headers['idempotency-key'] }) },
      { method: 'POST', path: '/things', handle: async ({ body }) => told({ body }) },
      {
        method: 'GET',
        path: '/held',
        handle: async (request) => {
          await new Promise<void>((resolve) => {
            held.push({ request, go: resolve });
            arrived?.();
          });
          return told('held');
        },
      },
    ],
    ...options,
  });

/** Waits until a call of `/held` is there. */
async function heldCall(): Promise<(typeof held)[number]> {
  if (held.length === 0) await new Promise<void>((resolve) => (arrived = resolve));
  return held.shift() as (typeof held)[number];
}

interface Client {
  readonly socket: Socket;
  /** All that came, once the server has closed. */
  readonly closed: Promise<string>;
  /** Waits until what came looks so. */
  until(pattern: RegExp): Promise<string>;
}

async function client({ port }: HttpServer, bytes = ''): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1' });
  let text = '';
  let look = (): void => {};
  socket.setEncoding('utf8').on('data', (data) => {
    text += data;
    look();
  });
  socket.on('error', () => {});
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write(bytes, 'latin1');
  return {
    socket,
    closed,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        look = () => void (pattern.test(text) && resolve(text));
        socket.once('close', () => reject(new Error(`it closed with ${JSON.stringify(text)}`)));
        look();
      }),
  };
}

const statuses = (text: string): readonly number[] => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
const head = 'host: x\r\n';
const json = 'content-type: application/json\r\n';

describe('a malformed request is answered with one problem document', () => {
  let server: HttpServer;
  before(async () => {
    server = await serve();
  });
  after(() => server.close());

  const get = (more: string): string => `GET /things/a HTTP/1.1\r\n${more}\r\n`;
  const post = (more: string, body: string): string => `POST /things HTTP/1.1\r\n${head}${more}\r\n${body}`;
  for (const [what, bytes, status, says] of [
    ['no HTTP', 'NOT HTTP AT ALL\r\n\r\n', 400, /SW_HTTP_MALFORMED/],
    ['no host', get(''), 400, /"host: is missing: send it once"/],
    ['two hosts', get('host: a\r\nHOST: b\r\n'), 400, /host: was sent more than once/],
    [
      'two content types',
      post(`${json}content-type: text/plain\r\ncontent-length: 2\r\n`, '{}'),
      400,
      /content-type: was sent more than once/,
    ],
    ['two keys', get(`${head}idempotency-key: a\r\nidempotency-key: b\r\n`), 200, /"key":"a, b"/],
    [
      'forwarding headers',
      get(
        'host: elsewhere\r\nx-forwarded-host: elsewhere\r\nx-forwarded-for: 127.0.0.1\r\nx-original-url: /held\r\nx-http-method-override: POST\r\n',
      ),
      200,
      /\r\n\r\n\{"id":"a"\}$/,
    ],
    ['an encoding', post(`${json}content-encoding: gzip\r\ncontent-length: 2\r\n`, '{}'), 415, /content-encoding/],
    ['another media type', post('content-type: text/plain\r\ncontent-length: 2\r\n', '{}'), 415, /SW_HTTP_MEDIA_TYPE/],
    ['an unknown expectation', get(`${head}expect: gold\r\n`), 417, /expect: must be 100-continue/],
    ['CONNECT', 'CONNECT elsewhere:443 HTTP/1.1\r\nhost: elsewhere:443\r\n\r\n', 404, /there is no CONNECT elsewhere:443 here/],
    ['an unknown method', `PURGE /things/a HTTP/1.1\r\n${head}\r\n`, 404, /there is no PURGE/],
    ['length and chunks', post(`${json}content-length: 5\r\ntransfer-encoding: chunked\r\n`, '0\r\n\r\n'), 400, /SW_HTTP_MALFORMED/],
    ['two lengths', post(`${json}content-length: 2\r\ncontent-length: 2\r\n`, '{}'), 400, /SW_HTTP_MALFORMED/],
    ['a folded header', get(`${head}x: a\r\n b\r\n`), 400, /SW_HTTP_MALFORMED/],
    ['a broken chunk', post(`${json}transfer-encoding: chunked\r\n`, 'zz\r\n'), 400, /SW_HTTP_MALFORMED/],
    ['large headers', get(`${head}x: ${'x'.repeat(40_000)}\r\n`), 431, /SW_HTTP_MALFORMED/],
    ['a broken path', `GET /things/%ff HTTP/1.1\r\n${head}\r\n`, 400, /path: is not percent-encoded UTF-8/],
    ['a long segment', `GET /things/${'x'.repeat(3000)} HTTP/1.1\r\n${head}\r\n`, 414, /path: has a segment that is too long/],
    ['a wrong body', post(`${json}content-length: 1\r\n`, '{'), 400, /SW_BODY_INVALID/],
  ] as const) {
    test(`G14: ${what}`, async () => {
      const { socket, until, closed } = await client(server, bytes);
      await until(/\r\n\r\n\{.*\}$/);
      socket.end();
      const text = await closed;
      assert.deepEqual(statuses(text), [status]);
      assert.match(text, says);
      if (status < 400) return;
      const [, type, body] = /content-type: ([^\r]+)[\s\S]*\r\n\r\n(.*)$/i.exec(text) ?? [];
      assert.match(String(type), /^application\/problem\+json/);
      const problem = JSON.parse(String(body)) as Record<string, unknown>;
      assert.equal(problem['status'], status);
      assert.match(String(problem['code']), /^SW_/);
      assert.doesNotMatch(text, /FST_|Fastify|HPE_|node_modules/);
    });
  }

  test('a header after two thousand others is read', async () => {
    const { socket, until } = await client(server, get(`${head}${'a:\r\n'.repeat(2500)}idempotency-key: last\r\n`));
    assert.match(await until(/\}$/), /"key":"last"/);
    socket.destroy();
  });

  test('a client that sends too large a body gets the response, may send all of it, and keeps the connection', async () => {
    const { socket, until } = await client(server, post(`${json}content-length: 3000000\r\n`, ''));
    await until(/413 Payload Too Large|413 Content Too Large/);
    socket.write('x'.repeat(3_000_000));
    socket.write(get(head));
    assert.deepEqual(statuses(await until(/"id":"a"/)), [413, 200]);
    socket.destroy();
  });

  test('the connection closes if the client asks for it, also after a wrong body', async () => {
    const { closed } = await client(server, post(`${json}connection: close\r\ncontent-length: 1\r\n`, '{'));
    assert.match(await closed, / 400 [\s\S]*connection: close/i);
  });

  test('a client whose body never ends is cut', async () => {
    const { socket, until, closed } = await client(server, post(`${json}transfer-encoding: chunked\r\n`, ''));
    const piece = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`;
    const pour = (): void => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', pour);
    pour();
    await until(/ 413 /);
    assert.deepEqual(statuses(await closed), [413]);
  });

  test('malformed data are answered after the earlier requests of the connection', async () => {
    const { closed, socket } = await client(server, `GET /held HTTP/1.1\r\n${head}\r\nNONSENSE\r\n\r\n`);
    const { go } = await heldCall();
    socket.write('MORE NONSENSE\r\n\r\n');
    go();
    const text = await closed;
    assert.deepEqual(statuses(text), [200, 400]);
    assert.match(text, /"held"[\s\S]*SW_HTTP_MALFORMED/);
  });

  test('a request that is answered before its body breaks off gets only this response', async () => {
    const { socket, until, closed } = await client(server, `GET /things/a HTTP/1.1\r\n${head}content-length: 10\r\n\r\n`);
    await until(/"id":"a"/);
    socket.end('12345');
    assert.deepEqual(statuses(await closed), [200]);
  });

  test('the signal of a request aborts when its client disconnects', async () => {
    const { socket } = await client(server, `GET /held HTTP/1.1\r\n${head}\r\n`);
    const { request, go } = await heldCall();
    assert.equal(request.signal.aborted, false);
    const aborted = new Promise((resolve) => request.signal.addEventListener('abort', resolve, { once: true }));
    socket.destroy();
    await aborted;
    assert.equal((request.signal.reason as { code: string }).code, 'SW_CLIENT_GONE');
    go();
  });
});

test('a refused client that stays silent without closing is cut', async () => {
  const server = createServer();
  const watched = connections(server);
  server.on('clientError', (error, socket) => watched.malformed(error, socket as Socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.write('NONSENSE\r\n\r\n'));
  const [accepted] = (await once(server, 'connection')) as [Socket];
  const cut = once(accepted, 'close');
  const answer = await socket.setEncoding('utf8').toArray();
  assert.match(answer.join(''), /^HTTP\/1\.1 400 /);
  await cut;
  assert.equal(accepted.destroyed, true);
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

for (const [what, bytes] of [
  ['headers', 'GET /things/a HTTP/1.1\r\nhost: x\r\nx-slow'],
  ['a body', `POST /things HTTP/1.1\r\n${head}${json}content-length: 10\r\n\r\n{`],
] as const) {
  test(`slow ${what} end with 408`, async () => {
    const server = await serve({ headersTimeoutMs: 50, requestTimeoutMs: 100 });
    const { closed } = await client(server, bytes);
    const text = await closed;
    assert.deepEqual(statuses(text), [408]);
    assert.match(text, /application\/problem\+json[\s\S]*SW_HTTP_MALFORMED/);
    await server.close();
  });
}

describe('G14: a client that does not read its responses is cut', () => {
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\n${head}\r\n`;
  const post = `POST /small HTTP/1.1\r\n${head}content-type: application/json\r\ncontent-length: 2\r\n\r\n{}`;
  for (const [what, ...sent] of [
    ['a long one', get('/long')],
    ['a long one, with a body behind it', get('/long'), post],
    ['many small ones', ...Array.from({ length: 3000 }, () => get('/small'))],
    ['many small ones, with bodies', ...Array.from({ length: 3000 }, () => post)],
    ['many refusals', ...Array.from({ length: 60_000 }, () => get('/none'))],
  ] as const)
    test(what, async () => {
      const answer =
        (size: number): HttpRoute['handle'] =>
        async () =>
          told('x'.repeat(size));
      const routes = [
        { method: 'GET', path: '/long', handle: answer(50_000_000) },
        { method: 'GET', path: '/small', handle: answer(10_000) },
        { method: 'POST', path: '/small', handle: answer(10_000) },
      ];
      const server = await serve({ routes, readTimeoutMs: 200 });
      const socket = connect({ port: server.port, host: '127.0.0.1' }).pause();
      const cut = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
      let written = 0;
      const more = setInterval(() => {
        for (const last = written + 40; written < last; written++) socket.write(sent[written] ?? '');
        // A client that reads nothing learns by writing that it is cut.
        if (written > sent.length) socket.write('\r\n');
      }, 1);
      const [error] = await cut;
      clearInterval(more);
      socket.destroy();
      await server.close();
      assert.ok(['ECONNRESET', 'EPIPE'].includes(error.code ?? ''), String(error));
    });
});

test('G14: a connection with too many pipelined requests gets the responses to the first ones and closes', async () => {
  let inHand = 0;
  let go = (): void => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  const routes = [
    {
      method: 'GET',
      path: '/held',
      async handle() {
        inHand++;
        await held;
        return told('x');
      },
    },
  ];
  const server = await serve({ routes });
  const asked = await client(server, `GET /held HTTP/1.1\r\n${head}\r\n`.repeat(1000));
  while (inHand < 100) await new Promise((resolve) => setTimeout(resolve, 1));
  // What came with these has come by the time when another client has its answer.
  assert.match(await (await client(server, `GET /nothing HTTP/1.1\r\n${head}connection: close\r\n\r\n`)).closed, / 404 /);
  go();
  assert.deepEqual(
    statuses(await asked.closed),
    Array.from({ length: 100 }, () => 200),
  );
  assert.equal(inHand, 100);
  await server.close();
});

test('G13: a close waits for requests in flight, and not for idle connections', async () => {
  const server = await serve();
  const silent = await client(server);
  const begun = await client(server, 'GET /things/a HTTP/1.1\r\nhost: x\r\nx-half');
  const kept = await client(server, `GET /things/a HTTP/1.1\r\n${head}\r\n`);
  assert.match(await kept.until(/"id":"a"/), /keep-alive: timeout=\d+/i);
  const asked = await client(server, `GET /held HTTP/1.1\r\n${head}\r\n`);
  const { go } = await heldCall();
  let closed = false;
  const closing = server.close().then(() => {
    closed = true;
  });
  await Promise.all([silent.closed, begun.closed, kept.closed]);
  assert.equal(closed, false);
  go();
  assert.match(await asked.closed, /connection: close[\s\S]*"held"/i);
  await closing;
});
