import { type Aim, bytesOf, goodRequest, pathOf, type Shot, shot } from './shot.ts';

type Generate = (aim: Aim) => Shot;

const known = [
  'OPTIONS',
  'HEAD',
  'PATCH',
  'DELETE',
  'PUT',
  'POST',
  'GET',
  'TRACE',
  'PROPFIND',
  'MKCOL',
  'SEARCH',
  'PURGE',
  'LINK',
  'REPORT',
  'QUERY',
  'SUBSCRIBE',
  'M-SEARCH',
];
const unknown = ['BREW', 'get', 'G ET', '', 'GETGET', 'X'.repeat(5000), 'GET\t', '\x00', '\xff', 'PRI', '__proto__'];

export const methods: Readonly<Record<string, Generate>> = {
  other: (aim) => {
    const method = aim.dice.pick(known);
    return shot('method/other', { ...goodRequest(aim.spot), method });
  },
  unknown: (aim) => shot('method/unknown', { ...goodRequest(aim.spot), method: aim.dice.pick(unknown) }, { refused: true }),
  connect: (aim) => {
    const path = aim.dice.pick(['elsewhere.example:443', '127.0.0.1:22', pathOf(aim.spot), '/']);
    return shot('method/connect', { method: 'CONNECT', path }, { refused: true });
  },
  upgrade: (aim) => {
    const protocol = aim.dice.pick(['websocket', 'h2c', 'TLS/1.0', '', 'x']);
    const more = [
      ['connection', 'upgrade'],
      ['upgrade', protocol],
      ['http2-settings', 'AAMAAABkAAQAAP__'],
      ['sec-websocket-key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
      ['sec-websocket-version', '13'],
    ] as const;
    return shot('method/upgrade', goodRequest(aim.spot, more));
  },
  version: (aim) => {
    const version = aim.dice.pick([
      'HTTP/1.0',
      'HTTP/0.9',
      'HTTP/2.0',
      'HTTP/1.2',
      'HTTP/11.1',
      'http/1.1',
      'HTTP/1',
      'HTTPS/1.1',
      'X',
      '',
      'HTTP/1.1 x',
    ]);
    return shot('method/version', { ...goodRequest(aim.spot), version }, { answers: 0, manner: aim.dice.pick(['wait', 'half-close']) });
  },
  noise: (aim) => {
    const noise = aim.dice.pick([
      Buffer.from('16030100a5010000a1', 'hex'),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from('\r\n\r\n\r\n'),
      Buffer.from('NOT HTTP AT ALL\r\n\r\n'),
      Buffer.from(Array.from({ length: aim.dice.whole(1, 400) }, () => aim.dice.whole(0, 255))),
      Buffer.alloc(100_000, 'a'),
    ]);
    return shot('method/noise', noise, { answers: 0, manner: 'half-close' });
  },
  early: (aim) =>
    shot('method/early', Buffer.concat([Buffer.from('\r\n'), bytesOf(goodRequest(aim.spot))]), { methods: [aim.spot.method] }),
};
