import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { runtime } from '../core/runtime.ts';
import { failedReply } from './reply.ts';
import { type HttpRoute, type HttpServer, httpServer } from './server.ts';

const head = 'host: x\r\n';
const json = 'content-type: application/json\r\n';
const inner = `GET /smuggled HTTP/1.1\r\n${head}\r\n`;
const whole = (size: number): string => `content-length: ${size}\r\n`;

let server: HttpServer;
/** What was routed, in turn. */
let seen: string[];
let held: (() => void)[];
let arrived: () => void;

beforeEach(async () => {
  seen = [];
  held = [];
  const route = (method: string, path: string, held = async (): Promise<void> => {}): HttpRoute => ({
    method,
    path,
    async handle({ body }) {
      seen.push(path);
      await held();
      return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ path, body }) };
    },
  });
  const hold = (): Promise<void> =>
    new Promise((resolve) => {
      held.push(resolve);
      arrived();
    });
  server = await httpServer({
    failed: (error) => failedReply(runtime(), error),
    routes: [
      route('GET', '/plain'),
      route('GET', '/smuggled'),
      route('POST', '/things'),
      route('DELETE', '/things'),
      route('GET', '/held', hold),
    ],
  });
});
afterEach(() => server.close());

function client(): {
  send(bytes: string): void;
  /** Waits until so many answers have begun. */
  answers(count: number): Promise<readonly number[]>;
  readonly closed: Promise<readonly number[]>;
} {
  const socket = connect({ port: server.port, host: '127.0.0.1' });
  let text = '';
  let look = (): void => {};
  const statuses = (): readonly number[] => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  socket.setEncoding('utf8').on('data', (data) => {
    text += data;
    look();
  });
  socket.on('error', () => {});
  const closed = new Promise<readonly number[]>((resolve) => socket.once('close', () => resolve(statuses())));
  return {
    send: (bytes) => void socket.write(bytes, 'latin1'),
    answers: (count) =>
      Promise.race([
        new Promise<readonly number[]>((resolve) => {
          look = () => void (statuses().length >= count && resolve(statuses()));
          look();
        }),
        closed,
      ]),
    closed,
  };
}
/** Waits until `count` calls are held. */
async function holding(count: number): Promise<void> {
  while (held.length < count) await new Promise<void>((resolve) => (arrived = resolve));
}

describe('G12: data after the last request of a connection are never taken for a request', () => {
  const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\n';
  const body = `POST /things HTTP/1.1\r\n${head}${json}${whole(inner.length)}\r\n`;
  for (const [what, first, status] of [
    ['an upgrade', `GET /plain HTTP/1.1\r\n${head}${upgrade}\r\n${body}`, 200],
    [
      'an upgrade to HTTP/2',
      `GET /plain HTTP/1.1\r\n${head}connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n${body}`,
      200,
    ],
    ['an upgrade of an unknown route', `GET /nowhere HTTP/1.1\r\n${head}${upgrade}\r\n${body}`, 404],
    ['an upgrade with a body', `POST /things HTTP/1.1\r\n${head}${json}${upgrade}${whole(2)}\r\n{}${body}`, 200],
    [
      'an upgrade with a body in chunks',
      `POST /things HTTP/1.1\r\n${head}${json}${upgrade}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n${body}`,
      200,
    ],
    ['CONNECT', `CONNECT elsewhere:443 HTTP/1.1\r\n${head}\r\n`, 404],
    ['chunks in HTTP/1.0', `POST /things HTTP/1.0\r\n${json}connection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n`, 400],
    ['an unknown transfer coding', `POST /things HTTP/1.1\r\n${head}${json}transfer-encoding: gzip, chunked\r\n\r\n`, 400],
    ['an expectation', `POST /things HTTP/1.1\r\n${head}${json}expect: gold\r\n${whole(inner.length)}\r\n`, 417],
    ['no HTTP', `NONSENSE\r\n\r\n`, 400],
    ['the end that the client asked for', `GET /plain HTTP/1.1\r\n${head}connection: close\r\n\r\n`, 200],
    ['HTTP/1.0', 'GET /plain HTTP/1.0\r\n\r\n', 200],
  ] as const) {
    test(what, async () => {
      const { send, answers, closed } = client();
      send(first);
      assert.deepEqual(await answers(1), [status]);
      send(inner);
      send(inner);
      assert.deepEqual(await closed, [status]);
      assert.equal(seen.includes('/smuggled'), false);
    });
  }

  test('an upgrade whose response is pending', async () => {
    const { send, closed } = client();
    send(`GET /held HTTP/1.1\r\n${head}${upgrade}\r\n${body}`);
    await holding(1);
    send(inner);
    const other = client();
    other.send(`GET /plain HTTP/1.1\r\n${head}\r\n`);
    await other.answers(1);
    held[0]?.();
    assert.deepEqual(await closed, [200]);
    assert.deepEqual(seen, ['/held', '/plain']);
  });

  test('a stop', async () => {
    const { send, closed } = client();
    send(`GET /held HTTP/1.1\r\n${head}\r\n`);
    await holding(1);
    const other = client();
    other.send(`GET /held HTTP/1.1\r\n${head}\r\n`);
    await holding(2);
    const stopped = server.close();
    send(inner);
    // By then the server has read the bytes of the other connection, which were sent later.
    held[1]?.();
    await other.closed;
    held[0]?.();
    assert.deepEqual(await closed, [200]);
    await stopped;
    assert.deepEqual(seen, ['/held', '/held']);
  });
});

describe('G12: exactly the body of a request that is answered early is skipped', () => {
  for (const [what, line, headers, status] of [
    ['an unknown route', 'POST /nowhere HTTP/1.1', json, 404],
    ['a GET', 'GET /plain HTTP/1.1', json, 200],
    ['a HEAD', 'HEAD /plain HTTP/1.1', json, 200],
    ['a DELETE', 'DELETE /things HTTP/1.1', json, 400],
    ['an unknown method', 'PURGE /things HTTP/1.1', json, 404],
    ['another media type', 'POST /things HTTP/1.1', 'content-type: text/plain\r\n', 415],
    ['an encoding', 'POST /things HTTP/1.1', `${json}content-encoding: br\r\n`, 415],
    ['two hosts', 'POST /things HTTP/1.1', `host: y\r\n${json}`, 400],
    ['a body that is not JSON', 'POST /things HTTP/1.1', json, 400],
    ['HTTP/1.0', 'POST /things HTTP/1.0', `${json}connection: keep-alive\r\n`, 400],
  ] as const) {
    for (const [how, framed] of [
      ['whole', `${whole(inner.length)}\r\n|${inner}`],
      ['in chunks', `transfer-encoding: chunked\r\n\r\n${inner.length.toString(16)}\r\n|${inner}\r\n0\r\n\r\n`],
    ] as const) {
      if (how === 'in chunks' && line.endsWith('1.0')) continue;
      for (const late of [false, true]) {
        test(`${what}, ${how}${late ? ', later' : ''}`, async () => {
          const { send, answers } = client();
          const [before, after] = framed.split('|') as [string, string];
          send(`${line}\r\n${head}${headers}${before}`);
          // What is answered early must not take the body that comes late for a request.
          if (late && ![400, 415].includes(status) && !line.includes(' /things')) await answers(1);
          send(after);
          send(`GET /plain HTTP/1.1\r\n${head}\r\n`);
          assert.deepEqual(await answers(2), [status, 200]);
          assert.equal(seen.includes('/smuggled'), false);
        });
      }
    }
  }
});

describe('G12: Host must be a host name or an address, with or without a port', () => {
  const cases: readonly (readonly [number, readonly string[]])[] = [
    [200, ['x', 'shop.example:8080', '127.0.0.1', '[::1]:80', '[fe80::1%25eth0]', 'x:', '', 'sub_domain.example', 'caf%C3%A9.example']],
    [
      400,
      ['a b', 'a/b', 'user@x', 'x:port', '::1', '[::1', 'x?y', 'x#y', 'http://x', 'x:80:80', 'x\ty', 'caf\u00e9', '%zz', 'x\\y', '"x"'],
    ],
  ];
  for (const [status, hosts] of cases)
    for (const host of hosts)
      test(`${status} for ${JSON.stringify(host)}`, async () => {
        const { send, answers } = client();
        send(`GET /plain HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
        assert.deepEqual(await answers(1), [status]);
      });
});

for (const target of ['/plain#', '/plain#part', '/plain?a=1#part', '/#/plain'])
  test(`G12: the target ${target} is refused, since a fragment does not travel`, async () => {
    const { send, answers } = client();
    send(`GET ${target} HTTP/1.1\r\n${head}\r\n`);
    assert.deepEqual(await answers(1), [400]);
    assert.deepEqual(seen, []);
  });
