import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyInvalid, jsonOf } from './body.ts';

const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

for (const [what, bytes, says] of [
  ['nothing', '', /^body: is empty/],
  ['no JSON', '{', /^body: is not JSON: send well-formed JSON$/],
  ['two byte order marks', '\ufeff\ufeff{}', /is not JSON/],
  ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), /is not JSON/],
  ['an overlong byte', Buffer.from('7b2261223a22c080227d', 'hex'), /is not UTF-8/],
  ['a surrogate in UTF-8', Buffer.from('7b2261223a22eda080227d', 'hex'), /is not UTF-8/],
  ['half a pair', '{"a":[{"b":"x\\ud800"}]}', /^body: a\.0\.b has half of a surrogate pair/],
  ['half a pair in a name', '{"\\uDC00":1}', /has half of a surrogate pair/],
  ['a number too large', '{"a":[1,1e999]}', /^body: a\.1 must be a number between/],
  ['a number too small', '-1e999', /^body: must be a number between/],
  ['101 levels', nested(101), /^body: 0\.0.*is nested more than 100 levels deep/],
  ['a hundred thousand levels', nested(100_000), /is nested more than 100 levels deep|is not JSON/],
  ['a prototype', '{"a":{"__proto__":{}}}', /^body: a\.__proto__ is a name that could change objects/],
  ['an escaped prototype', '{"\\u005f_proto__":null}', /__proto__ is a name/],
  ['a prototype by its constructor', '{"constructor":{"prototype":{}}}', /constructor is a name/],
] as const) {
  test(`G14: ${what} is refused by place and rule`, () => {
    const body = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    assert.throws(
      () => jsonOf(body),
      (error: unknown) => error instanceof BodyInvalid && error.message.length < 400 && says.test(error.message),
    );
  });
}

test('any other JSON is parsed, also with a byte order mark and with a hundred levels', () => {
  assert.deepEqual(jsonOf(Buffer.from('\ufeff{"constructor":"x","prototype":1}')), { constructor: 'x', prototype: 1 });
  jsonOf(Buffer.from(nested(100)));
  assert.deepEqual(jsonOf(Buffer.from('["\\ud83d\\ude00"]')), ['😀']);
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value);
      if (text.includes('"__proto__"')) return;
      assert.deepEqual(jsonOf(Buffer.from(text)), JSON.parse(text));
    }),
  );
});
