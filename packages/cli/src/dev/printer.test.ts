import assert from 'node:assert/strict';
import { test } from 'node:test';
import { told } from './printer.ts';

const error = (message: string, code?: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), code !== undefined && { code });

for (const [what, thrown, said, expected] of [
  ['an error alone', error('no', 'SW_NO'), '', 'no (SW_NO)'],
  ['what is no error', 'odd', '', 'odd'],
  ['a cause', error('no', 'SW_NO', error('why', 'E1')), '', 'no (SW_NO), since why (E1)'],
  ['a cause whose words the error has', error('no (why)', 'SW_NO', error('why')), '', 'no (why) (SW_NO)'],
  ['such a cause, whose code says no more', error('no (why)', 'SW_NO', error('why', 'E1')), '', 'no (why) (SW_NO)'],
  ['a cause without words', error('no answer ()', 'SW_NO', error('', 'ECONNREFUSED')), '', 'no answer () (SW_NO), since ECONNREFUSED'],
  [
    'what is behind a cause that says nothing new',
    error('x: fetch failed', undefined, error('fetch failed', undefined, error('connect 127.0.0.1:80', 'ECONNREFUSED'))),
    '',
    'x: fetch failed, since connect 127.0.0.1:80 (ECONNREFUSED)',
  ],
  ['an error that the line above has said', error('take failed', 'SW_NO', error('why')), 'shop.take failed', 'why'],
] as const) {
  test(`${what} is told in these words`, () => assert.equal(told(thrown, said), expected));
}

test('causes in a circle come to an end', () => {
  const circle = error('x');
  circle.cause = circle;
  assert.equal(told(circle, ''), 'x');
});
