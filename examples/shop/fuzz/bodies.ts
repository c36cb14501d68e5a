import { type Aim, bodyOf, type Header, json, pathOf, type Shot, shot } from './shot.ts';
import type { Input, Spot } from './spots.ts';
import { hostileJson, jsonWith, textWith } from './values.ts';

type Generate = (aim: Aim) => Shot;

function sampleBody(spot: Spot): Input {
  const body = bodyOf(spot);
  return body ? (JSON.parse(body.toString()) as Input) : {};
}

function sent(name: string, { spot }: Aim, body: Buffer | string, more: Partial<Shot> = {}, header: Header = json): Shot {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return shot(`body/${name}`, { method: spot.method, path: pathOf(spot), headers: [header], body: bytes }, more);
}

const takesBody = ({ spot }: Aim): boolean => spot.method !== 'GET';
const refusedWhereRead = (aim: Aim, statuses: readonly number[]): Partial<Shot> => ({ refused: takesBody(aim) && statuses });

const notJson = [
  '\n',
  ' ',
  '{',
  '}',
  'nul',
  '{"a":}',
  "{'a':1}",
  'undefined',
  'NaN',
  'Infinity',
  '[1,]',
  '<a/>',
  'a=b&c=d',
  '\0',
  '"',
  '{"a":1}}',
  '// no',
  '01',
  '"\t"',
  '1e',
  '\u2028',
];

/** Makes a text with bytes that are not UTF-8. */
const brokenUtf8 = ['c080', 'fffe', 'eda080', 'e282', 'f8888080', '80', 'f4908080', 'c3'];

export const bodies: Readonly<Record<string, Generate>> = {
  notJson: (aim) => sent('not-json', aim, aim.dice.pick(notJson), refusedWhereRead(aim, [400])),
  random: (aim) => sent('random', aim, Buffer.from(Array.from({ length: aim.dice.whole(1, 300) }, () => aim.dice.whole(0, 255)))),
  truncated: (aim) => {
    const text = JSON.stringify(sampleBody(aim.spot));
    // Cut to zero bytes the request would have no body, which operations without a body accept.
    return sent('truncated', aim, text.slice(0, aim.dice.whole(1, text.length - 1)), refusedWhereRead(aim, [400]));
  },
  deep: (aim) => {
    const depth = aim.dice.pick([101, 1000, 10_000, 50_000, 170_000]);
    const inner = aim.dice.chance(0.5)
      ? `${'['.repeat(depth)}${aim.dice.pick(['', '1', '"x"'])}${']'.repeat(depth)}`
      : `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    const sample = sampleBody(aim.spot);
    const text = aim.dice.chance(0.5)
      ? jsonWith(aim.dice, sample, inner)
      : `{"extra":${inner},${JSON.stringify(sample).slice(1)}`.replace(',}', '}');
    return sent('deep', aim, text, refusedWhereRead(aim, [400, 413]));
  },
  wrongType: (aim) => sent('wrong-type', aim, jsonWith(aim.dice, sampleBody(aim.spot), hostileJson(aim.dice))),
  wrongTypes: (aim) => {
    const fields = Object.keys(sampleBody(aim.spot));
    return sent('wrong-types', aim, `{${fields.map((name) => `${JSON.stringify(name)}:${hostileJson(aim.dice)}`).join(',')}}`);
  },
  missing: (aim) => {
    const entries = Object.entries(sampleBody(aim.spot)).filter(() => aim.dice.chance(0.5));
    return sent('missing', aim, JSON.stringify(Object.fromEntries(entries)));
  },
  duplicateKeys: (aim) => {
    const text = JSON.stringify(sampleBody(aim.spot));
    const again = `"${aim.dice.pick([...Object.keys(sampleBody(aim.spot)), 'extra'])}":${hostileJson(aim.dice)}`;
    if (text === '{}') return sent('duplicate-keys', aim, `{${again},${again}}`);
    return sent('duplicate-keys', aim, aim.dice.chance(0.5) ? `{${again},${text.slice(1)}` : `${text.slice(0, -1)},${again}}`);
  },
  poisoned: (aim) => {
    const value = aim.dice.pick(['{"polluted":true}', 'null', '[]', '"x"', '{"toString":1}']);
    const name = aim.dice.pick(['"__proto__"', '"\\u005f_proto__"', '"__pro\\u0074o__"']);
    const key = `${name}:${value}`;
    const text = JSON.stringify(sampleBody(aim.spot));
    const put = aim.dice.chance(0.5) ? jsonWith(aim.dice, sampleBody(aim.spot), `{${key}}`) : `{${key},${text.slice(1)}`.replace(',}', '}');
    return sent('poisoned', aim, put, refusedWhereRead(aim, [400]));
  },
  constructed: (aim) => {
    const key = `"constructor":{"prototype":{"polluted":true}}`;
    return sent('constructed', aim, `{${key},${JSON.stringify(sampleBody(aim.spot)).slice(1)}`.replace(',}', '}'));
  },
  names: (aim) => {
    const name = aim.dice.pick([
      'toString',
      'hasOwnProperty',
      'then',
      'toJSON',
      'valueOf',
      '',
      'length',
      '~standard',
      '\\u0000',
      '\\ud800',
      '$ref',
    ]);
    const text = JSON.stringify(sampleBody(aim.spot)).slice(1);
    return sent('names', aim, `{"${name}":${hostileJson(aim.dice)},${text}`.replace(/,}$/, '}'));
  },
  manyNames: (aim) => {
    const count = aim.dice.pick([100, 5000, 40_000]);
    const many = Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, index]));
    return sent('many-names', aim, JSON.stringify({ ...many, ...sampleBody(aim.spot) }));
  },
  manyItems: (aim) => {
    const sample = sampleBody(aim.spot);
    const item = { productId: 'fuzz-2', quantity: 1, unitPrice: 1 };
    return sent('many-items', aim, JSON.stringify({ ...sample, items: Array(aim.dice.pick([1999, 2001, 8000])).fill(item) }));
  },
  notUtf8: (aim) => {
    const [before = '', behind = ''] = textWith(aim.dice, sampleBody(aim.spot), '\u{f0001}').split('\u{f0001}');
    const broken = Buffer.concat([Buffer.from(before), Buffer.from(aim.dice.pick(brokenUtf8), 'hex'), Buffer.from(behind)]);
    return sent('not-utf8', aim, broken, refusedWhereRead(aim, [400]));
  },
  encoded: (aim) => {
    const text = JSON.stringify(sampleBody(aim.spot));
    const bytes = aim.dice.pick([
      Buffer.from(`\ufeff${text}`, 'utf16le'),
      Buffer.from(text, 'utf16le'),
      Buffer.from(`\ufeff\ufeff${text}`),
    ]);
    return sent('encoded', aim, bytes, refusedWhereRead(aim, [400]));
  },
  marked: (aim) => sent('byte-order-mark', aim, `\ufeff${JSON.stringify(sampleBody(aim.spot))}`),
  surrogates: (aim) => {
    const lone = aim.dice.pick(['\\ud800', '\\uDC00', '\\udfff\\ud800', '\\ud83d\\u0041', '\\uD83D', 'x\\udbff']);
    return sent('lone-surrogates', aim, textWith(aim.dice, sampleBody(aim.spot), lone), refusedWhereRead(aim, [400]));
  },
  nul: (aim) => sent('nul', aim, textWith(aim.dice, sampleBody(aim.spot), aim.dice.pick(['\\u0000', '\\u0000\\u0000\\u0001']))),
  large: (aim) => {
    const size = aim.dice.pick([65_535, 1_048_000, 1_048_576, 1_048_577, 3_000_000]);
    const text = aim.dice.chance(0.5) ? JSON.stringify({ ...sampleBody(aim.spot), extra: 'x'.repeat(size) }) : ' '.repeat(size);
    return sent('large', aim, text, size > 1_048_576 ? refusedWhereRead(aim, [413]) : {});
  },
};
