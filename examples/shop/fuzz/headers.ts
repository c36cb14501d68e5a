import { type Aim, bodyOf, bytesOf, goodRequest, type Header, json, pathOf, type Shot, shot } from './shot.ts';
import { isCall } from './spots.ts';

type Generate = (aim: Aim) => Shot;

const good = (name: string, aim: Aim, headers: readonly Header[], more: Partial<Shot> = {}): Shot =>
  shot(`header/${name}`, goodRequest(aim.spot, headers), more);

/** Makes a shot with `body` under `framing`, whether or not the two agree. */
function framed(name: string, { spot }: Aim, framing: readonly Header[], body: string, more: Partial<Shot> = {}): Shot {
  return shot(`header/${name}`, { method: spot.method, path: pathOf(spot), headers: [json], framing, body: Buffer.from(body) }, more);
}

const chunked = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const smuggled = 'GET /health/live HTTP/1.1\r\nhost: shop\r\n\r\n';
const bodyText = ({ spot }: Aim): string => (bodyOf(spot) ?? Buffer.from('{}')).toString();

const types = [
  'text/plain',
  'application/xml',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  'application/json5',
  'application/jsonp',
  'text/json',
  'application/json, text/plain',
  'application/problem+json',
  'application/json\ttext/plain',
  'application/json;',
  'application/json; charset=utf-16',
  'application/json; charset="utf-8',
  'APPLICATION/JSON',
  ' application/json ',
  'application/json;;;',
  '*/*',
  '',
  ',',
  '/',
  'application/',
  'json',
  '\xff\xfe',
  '__proto__',
  'constructor',
  'x'.repeat(5000),
];

const keys = [
  '',
  ' ',
  'a b',
  'a,b',
  '"quoted"',
  '\xe9',
  '\x7f',
  'k'.repeat(256),
  'k'.repeat(15_000),
  '__proto__',
  'constructor',
  '%00',
  '\x01',
  "'; drop table orders; --",
];
const deadlines = ['', '-1', '1.5', '1e3', 'NaN', 'Infinity', '0x10', ' 5', '86400001', '9'.repeat(400), 'soon', '+5', '5ms', '٣'];
const traces = [
  '',
  '00',
  'ff-00000000000000000000000000000000-0000000000000000-00',
  '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  '00-XYZ',
  '\xff',
  '0'.repeat(9000),
  '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra',
];

const wishes: readonly Header[] = [
  ['accept', 'image/png'],
  ['accept', '*/*;q=x'],
  ['accept', 'text/html,'.repeat(800)],
  ['accept-encoding', 'gzip, br'],
  ['accept-encoding', 'identity;q=0, *;q=0'],
  ['accept-charset', 'utf-7'],
  ['accept-language', 'x'.repeat(2000)],
  ['range', 'bytes=0-0'],
  ['range', 'bytes=-1,5-2,0-99999999999999999999'],
  ['range', `bytes=${'0-,'.repeat(1000)}`],
  ['if-none-match', '*'],
  ['if-match', '"x"'],
  ['if-modified-since', 'Fri, 01 Jan 2100 00:00:00 GMT'],
  ['if-unmodified-since', 'never'],
];

export const headers: Readonly<Record<string, Generate>> = {
  contentType: (aim) => {
    const request = goodRequest(aim.spot);
    const others = (request.headers ?? []).filter(([name]) => name !== 'content-type');
    return shot('header/content-type', { ...request, headers: [...others, ['content-type', aim.dice.pick(types)]] });
  },
  noType: (aim) => shot('header/no-type', { ...goodRequest(aim.spot), headers: [] }),
  encoding: (aim) =>
    good('encoding', aim, [['content-encoding', aim.dice.pick(['gzip', 'br', 'deflate', 'identity', 'gzip, gzip', 'x', ''])]]),
  wanted: (aim) => good('wanted', aim, [aim.dice.pick(wishes)]),
  key: (aim) => good('key', aim, [['idempotency-key', aim.dice.pick(keys)]]),
  keyTwice: (aim) =>
    good(
      'key-twice',
      aim,
      [
        ['idempotency-key', 'fuzz-a'],
        ['Idempotency-Key', aim.dice.pick(['fuzz-a', 'fuzz-b'])],
      ],
      { refused: isCall(aim.spot) },
    ),
  deadline: (aim) => good('deadline', aim, [['seaworthy-deadline-ms', aim.dice.pick(deadlines)]], { mayBeLate: true }),
  shortDeadline: (aim) => good('short-deadline', aim, [['seaworthy-deadline-ms', String(aim.dice.whole(0, 5))]], { mayBeLate: true }),
  attempt: (aim) =>
    good('attempt', aim, [[aim.dice.pick(['seaworthy-attempt', 'seaworthy-undoes']), aim.dice.pick([...deadlines, ...keys])]]),
  trace: (aim) =>
    good('trace', aim, [
      ['traceparent', aim.dice.pick(traces)],
      ['tracestate', aim.dice.pick(traces)],
      ['baggage', aim.dice.pick(traces)],
    ]),
  twice: (aim) => {
    const [name, first, second] = aim.dice.pick([
      ['content-type', 'application/json', 'text/plain'],
      ['content-type', 'text/plain', 'application/json'],
      ['host', 'shop', 'elsewhere.example'],
      ['seaworthy-deadline-ms', '5000', '1'],
    ] as const);
    const request = goodRequest(aim.spot);
    const others = (request.headers ?? []).filter(([other]) => other !== name);
    return shot(
      'header/twice',
      { ...request, headers: [...others, [name, first], [name, second]] },
      { refused: isCall(aim.spot) || name !== 'seaworthy-deadline-ms' },
    );
  },
  host: (aim) => {
    const host = aim.dice.pick(['', 'elsewhere.example', '127.0.0.1:1', '[::1]', 'a b', '\xff', 'shop, elsewhere', '@', 'x'.repeat(3000)]);
    return good('host', aim, [['host', host]]);
  },
  noHost: (aim) => {
    const bytes = bytesOf(goodRequest(aim.spot)).toString('latin1').replace('host: shop\r\n', '');
    return shot('header/no-host', Buffer.from(bytes, 'latin1'), { methods: [aim.spot.method], refused: [400] });
  },
  forwarded: (aim) =>
    good('forwarded', aim, [
      ['x-forwarded-for', aim.dice.pick(['127.0.0.1', 'unknown', "1' or 1=1", '1,'.repeat(500)])],
      ['x-forwarded-host', 'elsewhere.example'],
      ['x-forwarded-proto', aim.dice.pick(['https', 'javascript'])],
      ['forwarded', 'for=_x;host=elsewhere.example'],
      ['x-original-url', '/metrics'],
      ['x-http-method-override', 'DELETE'],
    ]),
  hopByHop: (aim) =>
    good('hop-by-hop', aim, [
      ['connection', aim.dice.pick(['close', 'keep-alive', 'content-length', 'idempotency-key, x', 'upgrade', '', ',,,'])],
      ['te', 'trailers'],
      ['keep-alive', 'timeout=999999'],
    ]),
  expect: (aim) => good('expect', aim, [['expect', aim.dice.pick(['100-continue', '200-ok', '', '100-continue, x', 'x'.repeat(1000)])]]),
  many: (aim) => {
    const count = aim.dice.pick([100, 1000, 1900, 2500]);
    const many = Array.from({ length: count }, (_, index): Header => [`a${index % 10}`, '']);
    return good('many', aim, many);
  },
  large: (aim) => {
    const size = aim.dice.pick([8000, 15_000, 16_384, 20_000, 100_000]);
    return good('large', aim, [[aim.dice.pick(['x-large', 'cookie', 'accept']), 'x'.repeat(size)]], { refused: size > 16_384 && [431] });
  },
  badName: (aim) => good('bad-name', aim, [[aim.dice.pick(['a b', 'a\x00', 'a(', '', ' ', 'é', 'a\tb', ':x']), 'x']], { refused: [400] }),
  badValue: (aim) => good('bad-value', aim, [['x-bad', aim.dice.pick(['a\x00b', 'a\rb', 'a\nb', '\x01', '\x7f'])]]),
  folded: (aim) => good('folded', aim, [['x-folded', `a\r\n${aim.dice.pick([' ', '\t'])}b`]], { refused: [400] }),
  bareLines: (aim) => {
    const bytes = bytesOf(goodRequest(aim.spot))
      .toString('latin1')
      .replaceAll('\r\n', aim.dice.pick(['\n', '\r', '\r\r\n']));
    return shot('header/bare-lines', Buffer.from(`${bytes}\r\n\r\n`, 'latin1'), {
      methods: [aim.spot.method, 'GET'],
      answers: 0,
      manner: 'half-close',
    });
  },
  bothFramings: (aim) => {
    const text = chunked(bodyText(aim));
    const framing: readonly Header[] = [
      ['content-length', String(aim.dice.pick([text.length, 5, 0]))],
      ['transfer-encoding', 'chunked'],
    ];
    return framed('both-framings', aim, aim.dice.chance(0.5) ? framing : framing.toReversed(), `${text}${smuggled}`, { refused: [400] });
  },
  lengthTwice: (aim) => {
    const length = Buffer.byteLength(bodyText(aim));
    const framing: readonly Header[] = [
      ['content-length', String(length)],
      ['content-length', String(aim.dice.pick([length, length + 1, 0]))],
    ];
    return framed('length-twice', aim, framing, `${bodyText(aim)}${smuggled}`, { refused: [400] });
  },
  badLength: (aim) => {
    const length = aim.dice.pick(['-1', '+2', '0x2', '2, 2', '2 2', '1e1', '99999999999999999999', 'x', '2;', '\x0b2']);
    return framed('bad-length', aim, [['content-length', length]], bodyText(aim), { refused: [400] });
  },
  badTransfer: (aim) => {
    const coding = aim.dice.pick([
      'identity',
      'gzip',
      'chunked, gzip',
      'chunked, chunked',
      'xchunked',
      'chunked\x0b',
      ' ,chunked',
      'chunked;x',
      '"chunked"',
    ]);
    return framed('bad-transfer', aim, [['transfer-encoding', coding]], chunked(bodyText(aim)), { manner: 'half-close', answers: 0 });
  },
  badChunks: (aim) => {
    const text = aim.dice.pick([
      'x\r\n',
      '-1\r\n{}\r\n0\r\n\r\n',
      '2\r\n{}0\r\n\r\n',
      '2\n{}\n0\n\n',
      'ffffffffffffffffff\r\n',
      '2;x="\x00"\r\n{}\r\n0\r\n\r\n',
      '0x2\r\n{}\r\n0\r\n\r\n',
      '2 \r\n{}\r\n0\r\n\r\n',
      '3\r\n{}\r\n0\r\n\r\n',
      `2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
    ]);
    return framed('bad-chunks', aim, [['transfer-encoding', 'chunked']], text, {
      manner: 'half-close',
      answers: 0,
      refused: aim.spot.method !== 'GET',
    });
  },
  trailers: (aim) => {
    const text = chunked(bodyText(aim)).slice(0, -2);
    const trailer = aim.dice.pick([
      'idempotency-key: fuzz\r\n',
      'content-length: 5\r\n',
      'x: y\r\n',
      `x: ${'y'.repeat(20_000)}\r\n`,
      '__proto__: 1\r\n',
    ]);
    return framed('trailers', aim, [['transfer-encoding', 'chunked']], `${text}${trailer}\r\n`);
  },
  tinyChunks: (aim) => {
    const text = [...bodyText(aim)].map((one) => `1;e=${'x'.repeat(aim.dice.pick([0, 10]))}\r\n${one}\r\n`).join('');
    return framed('tiny-chunks', aim, [['transfer-encoding', 'chunked']], `${text}0\r\n\r\n`);
  },
};
