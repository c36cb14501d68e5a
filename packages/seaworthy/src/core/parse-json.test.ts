import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from './parse-json.ts';

test('parseJson returns what JSON.parse returns', () => {
  for (const text of ['null', '{"a":[1,-2.5e3,"x"]}', '1e308', '1e-999', '"1e999"', `[${'7'.repeat(300)}]`])
    assert.deepEqual(parseJson(text), JSON.parse(text));
});

for (const text of ['1e999', '-1e999', '{"a":[1,{"b":1E+400}]}', `[${'9'.repeat(400)}]`])
  test(`${text.slice(0, 30)} is refused, and does not become Infinity`, () => {
    assert.throws(() => parseJson(text), { name: 'SyntaxError', message: /^a number is too large/ });
  });

test('a deeply nested value with such a number is refused like any other', () => {
  assert.throws(() => parseJson(`${'['.repeat(50_000)}1e999${']'.repeat(50_000)}`), SyntaxError);
});

for (const text of [
  's3cret',
  '{"pin":s3cret}',
  '{"pin":"s3cret" "more"}',
  '{"pin":"s3cret\n"}',
  'before before before s3cret after after after after',
  '"s3cret" is not valid JSON',
])
  test(`the message about ${JSON.stringify(text)} does not quote it`, () => {
    assert.throws(
      () => parseJson(text),
      (error: unknown) =>
        error instanceof SyntaxError && error.message.length > 0 && !/s3cret|before|after after/.test(`${error.message} ${error.stack}`),
    );
  });
