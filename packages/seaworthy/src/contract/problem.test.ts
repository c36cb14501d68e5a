import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeaworthyError } from '../core/errors.ts';
import { problemOf } from './problem.ts';

/** An error of a user's own, who wrote anything into it. */
class Own extends SeaworthyError {
  readonly code = 'SW_OWN';
  readonly kind = 'invalid';
  readonly issues: unknown;
  readonly parts: unknown;

  constructor(message: string, { issues, parts }: { readonly issues?: unknown; readonly parts?: unknown } = {}) {
    super(message);
    Object.assign(this, { issues, parts });
  }
}

const large = 'x'.repeat(2 ** 20);

test('the problem of an error with large texts is bounded', () => {
  const issues = Array.from({ length: 1000 }, () => ({ path: large, message: large, input: large }));
  const parts = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`${index}${large}`, large]));
  const problem = problemOf(new Own(large, { issues, parts }));
  assert.equal(problem.detail?.length, 2000);
  assert.equal(problem.issues?.length, 21);
  assert.deepEqual(problem.issues?.at(-1), { path: '', message: 'and 980 more' });
  assert.ok(JSON.stringify(problem).length < 40_000, `${JSON.stringify(problem).length} characters`);
});

test('issues as a schema library gives them become findings, and lose everything else', () => {
  const issues = [{ path: ['items', 0, { key: 'quantity' }], message: 'must be more', input: 's3cret' }, 'odd', { message: 7 }];
  assert.deepEqual(problemOf(new Own('wrong', { issues })).issues, [
    { path: 'items.0.quantity', message: 'must be more' },
    { path: '', message: 'odd' },
    { path: '', message: '{ message: 7 }' },
  ]);
  assert.equal(problemOf(new Own('wrong', { issues: 'none' })).issues, undefined);
});

test('half surrogate pairs and U+0000 are replaced in a problem', () => {
  assert.equal(problemOf(new Own('a\ud800b\0c')).detail, 'a\ufffdb\ufffdc');
});
