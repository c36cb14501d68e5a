import { type Aim, goodRequest, pathOf, type Shot, shot } from './shot.ts';

type Generate = (aim: Aim) => Shot;

const segments = [
  '..',
  '.',
  '%2e%2e',
  '%2E.',
  '%252e%252e',
  '%2f',
  '%5c',
  '%00',
  'a%00b',
  '%2e%2e%2f%2e%2e',
  '..%2f..%2fetc%2fpasswd',
  '%252f',
  '%c0%ae',
  '%ff',
  '%u002e',
  '%',
  '%z1',
  '%1',
  '',
  '%20',
  '%0d%0ax:y',
  ';',
  'a;b=c',
  '#',
  'a#b',
  '*',
  ':orderId',
  '{orderId}',
  'constructor',
  '__proto__',
  '%F0%9F%98%80',
  '%ED%A0%80',
  '..;',
  '\\..\\',
  '~',
  '+',
  '%2B',
];

const queries = [
  '',
  '?',
  '??',
  '&',
  '=',
  '%',
  '%zz',
  '%00',
  '%ff',
  '__proto__=1',
  '__proto__[a]=1',
  'constructor.prototype=1',
  'orderId=other',
  'productId=other',
  'orderId=a&orderId=b',
  'a[]=1',
  'a=%ED%A0%80',
  'x=1;y=2',
  '#x',
];

const elsewhere = [
  'http://shop',
  'http://127.0.0.1',
  'https://elsewhere.example',
  'HTTP://SHOP:80',
  'http://user:pass@shop',
  'ftp://shop',
  'http:',
  '//elsewhere.example',
  '///',
  '/\\elsewhere.example',
  'shop:443',
  '?',
  '*',
  '/.',
  '',
];

const withPath = ({ spot }: Aim, path: string): Parameters<typeof shot>[1] => ({ ...goodRequest(spot), path });

export const paths: Readonly<Record<string, Generate>> = {
  segment: (aim) => {
    const path = pathOf(aim.spot).split('/');
    path[aim.dice.whole(1, path.length - 1)] = aim.dice.pick(segments);
    return shot('path/segment', withPath(aim, path.join('/')));
  },
  added: (aim) => shot('path/added', withPath(aim, `${pathOf(aim.spot)}/${aim.dice.pick(segments)}`)),
  before: (aim) => shot('path/before', withPath(aim, `/${aim.dice.pick(segments)}${pathOf(aim.spot)}`)),
  long: (aim) => {
    const length = aim.dice.pick([101, 2047, 2049, 8000, 15_000, 17_000, 60_000]);
    const text = aim.dice.pick(['a', '/', '%61', '%2f', '../', '%']).repeat(length).slice(0, length);
    const path = aim.dice.chance(0.5) ? pathOf(aim.spot).replace(/fuzz-\w+/, text) : `/${text}`;
    return shot('path/long', withPath(aim, path), { refused: path.length > 17_000 });
  },
  query: (aim) => {
    const put = aim.dice.pick(queries).repeat(aim.dice.pick([1, 1, 1, 50]));
    const path = pathOf(aim.spot);
    return shot('path/query', withPath(aim, `${path}${path.includes('?') ? '&' : '?'}${put}`));
  },
  manyQueries: (aim) => {
    const put = Array.from({ length: aim.dice.pick([100, 2000]) }, (_, index) => `a${index % 50}=1`).join('&');
    return shot('path/many-queries', withPath(aim, `${pathOf(aim.spot)}?${put}`));
  },
  absolute: (aim) => shot('path/absolute', withPath(aim, `${aim.dice.pick(elsewhere)}${pathOf(aim.spot)}`)),
  raw: (aim) => {
    const put = aim.dice.pick(['\x00', '\x01', '\x7f', '\xff', '\xc3\xa9', ' ', '\t', '|', '"', '<', '^', '`', '\\']);
    return shot('path/raw', withPath(aim, pathOf(aim.spot).replace('fuzz', `fu${put}zz`)));
  },
  probes: (aim) => {
    const known = [
      '/health/live',
      '/health/ready',
      '/health/startup',
      '/metrics',
      '/health',
      '/health/ready/orders',
      '/health/ready/x',
      '/',
      '/favicon.ico',
      '/.env',
      '/docs/../package.json',
      '/docs/..%2f..%2fpackage.json',
      '/docs/package.json',
    ];
    return shot('path/probes', {
      method: aim.dice.pick(['GET', 'POST', 'HEAD']),
      path: `${aim.dice.pick(known)}${aim.dice.pick(['', '/', '?a', '#'])}`,
    });
  },
};
