import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeadlineExceeded } from '../core/deadline.ts';
import { type Kind, SeaworthyError } from '../core/errors.ts';
import { classify, retryAfterOf } from './classify.ts';
import { AttemptTimeout, BreakerOpen, BulkheadFull } from './errors.ts';

class Told extends SeaworthyError {
  readonly code = 'SW_TOLD';
  readonly kind: Kind;

  constructor(kind: Kind) {
    super(kind);
    this.kind = kind;
  }
}

test('errors of the toolkit are classified by kind: wrong requests are ignored, all else is a failure', () => {
  const verdicts: Record<Kind, string> = {
    invalid: 'ignored',
    not_found: 'ignored',
    conflict: 'ignored',
    mismatch: 'ignored',
    cancelled: 'ignored',
    exhausted: 'failure',
    unavailable: 'failure',
    upstream: 'failure',
    deadline: 'failure',
    internal: 'failure',
  };
  for (const [kind, classification] of Object.entries(verdicts)) assert.equal(classify(new Told(kind as Kind)), classification, kind);
});

test('local rejections are ignored, local timeouts are failures', () => {
  assert.equal(classify(new BreakerOpen('open')), 'ignored');
  assert.equal(classify(new BulkheadFull('full')), 'ignored');
  assert.equal(classify(new AttemptTimeout(10)), 'failure');
  assert.equal(classify(new DeadlineExceeded('late')), 'failure');
});

test('statuses from 400 to 499 are ignored, except 408, 425 and 429', () => {
  const ignored = [400, 401, 403, 404, 407, 409, 410, 422, 424, 426, 428, 431, 499];
  for (const status of ignored) assert.equal(classify(Object.assign(new Error(), { status })), 'ignored', String(status));
  for (const statusCode of ignored) assert.equal(classify(Object.assign(new Error(), { statusCode })), 'ignored', String(statusCode));
  for (const status of [200, 302, 399, 408, 425, 429, 500, 503, 599])
    assert.equal(classify(Object.assign(new Error(), { status })), 'failure', String(status));
});

test('an AbortError of the work is ignored, its TimeoutError is a failure', () => {
  assert.equal(classify(AbortSignal.abort().reason), 'ignored');
  assert.equal(classify(new DOMException('late', 'TimeoutError')), 'failure');
  for (const thrown of [undefined, null, 'text', 5]) assert.equal(classify(thrown), 'failure');
});

test('retryAfterMs of an error is read if it is a number', () => {
  assert.equal(retryAfterOf({ retryAfterMs: 5 }), 5);
  for (const error of [undefined, null, 'text', {}, { retryAfterMs: '5' }, { retryAfterMs: Number.NaN }])
    assert.equal(retryAfterOf(error), undefined);
});
