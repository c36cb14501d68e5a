import type { Dice } from './dice.ts';
import type { Input } from './spots.ts';

/** The JSON texts that replace the value of a field. */
export function hostileJson(dice: Dice): string {
  const length = dice.pick([101, 256, 3000, 200_000]);
  return dice.pick([
    'null',
    'true',
    'false',
    '0',
    '-0',
    '-1',
    '0.5',
    '1e400',
    '-1e400',
    '1e-400',
    '9007199254740993',
    '123456789012345678901234567890',
    `1${'0'.repeat(400)}`,
    '""',
    '" "',
    '[]',
    '{}',
    '[[]]',
    '[null]',
    '{"a":{"b":[]}}',
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"x\\udc00y"',
    '"\\ufeff"',
    '"\\ufffe\\uffff"',
    '"\\u202e\\u200b"',
    '"😀"',
    '"__proto__"',
    '"constructor"',
    '"../../etc/passwd"',
    '".."',
    '"%2e%2e%2f"',
    '"a/b\\\\c"',
    '"\\r\\nx-injected: 1"',
    '"1\' or 1=1 --"',
    '"$' + '{1+1}"',
    '"<script>"',
    '{"$gt":0}',
    '{"length":3}',
    '{"toString":null}',
    '{"then":1}',
    '{"toJSON":1}',
    `"${'x'.repeat(length)}"`,
    `[${'0,'.repeat(length)}0]`,
    `${'['.repeat(500)}${']'.repeat(500)}`,
    '"2026-01-01T00:00:00Z"',
  ]);
}

const mark = '\u{f0000}';

/** Lists every place in a value, as a path of names and indices. */
function placesOf(value: unknown): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [[]];
  return [[], ...Object.entries(value).flatMap(([name, inner]) => placesOf(inner).map((place) => [name, ...place]))];
}

function replaced(value: unknown, [first, ...rest]: readonly string[]): unknown {
  if (first === undefined) return mark;
  if (Array.isArray(value)) return value.map((one: unknown, index) => (String(index) === first ? replaced(one, rest) : one));
  return Object.fromEntries(Object.entries(value as Input).map(([name, one]) => [name, name === first ? replaced(one, rest) : one]));
}

/** The sample as JSON text with `put` in one of its places. */
export function jsonWith(dice: Dice, sample: unknown, put: string): string {
  return JSON.stringify(replaced(sample, dice.pick(placesOf(sample)))).replace(`"${mark}"`, () => put);
}

/** The sample as JSON text with `put`, without its quotes, within one of its texts; or beside it when it has none. */
export function textWith(dice: Dice, sample: Input, put: string): string {
  const texts = placesOf(sample).filter(
    (place) => typeof place.reduce<unknown>((value, name) => (value as Input)[name], sample) === 'string',
  );
  if (texts.length === 0) return JSON.stringify({ ...sample, extra: mark }).replace(mark, () => put);
  return JSON.stringify(replaced(sample, dice.pick(texts))).replace(mark, () => `a${put}z`);
}
