import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thrown } from './conformance/thrown.ts';
import { codeOf, described, fieldOf, isA, readable, textOf, UnreadableError } from './thrown.ts';

const ring = thrown['ring of causes']?.[0];

for (const [what, [value, text]] of Object.entries(thrown))
  test(`a thrown value can be read: ${what}`, () => {
    const said = textOf(value);
    if (typeof text === 'string') assert.equal(said, text);
    else assert.match(said, text);
    assert.ok(said.length <= 2000 && said.isWellFormed());
    assert.doesNotThrow(() => JSON.stringify(described(value)));
    assert.ok(JSON.stringify(described(value)).length < 200_000);
    isA(value, Error);
    fieldOf(value, 'retryAfterMs');
    const sound = readable(value) as Error;
    if (typeof sound === 'object' && sound !== null) {
      assert.doesNotThrow(() => String(sound));
      assert.doesNotThrow(() => sound instanceof Error);
      if (sound instanceof Error) assert.equal(typeof sound.message, 'string');
    }
  });

test('a readable value is returned unchanged, any other keeps its name, code and text', () => {
  const error = new TypeError('no');
  assert.equal(readable(error), error);
  assert.equal(readable('no'), 'no');
  const aws = Object.assign(new Error('no'), { name: 'Throttled', code: 'E7', message: { text: 'slow down' } });
  const stand = readable(aws);
  assert.ok(stand instanceof UnreadableError);
  assert.deepEqual([stand.name, stand.code, stand.message], ['Throttled', 'E7', "{ text: 'slow down' }"]);
});

test('causes are described, the innermost last, and a ring of causes ends', () => {
  const { cause } = described(new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'E_INNER' }) }));
  assert.deepEqual([cause?.message, cause?.code], ['inner', 'E_INNER']);
  assert.ok(JSON.stringify(described(ring)).length < 200_000);
  assert.equal(codeOf({ code: { code: 7 } }), undefined);
});
