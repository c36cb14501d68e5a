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

test('by kind: what the caller did wrong is ignored, what the callee could not do is its failure', () => {
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
  for (const [kind, verdict] of Object.entries(verdicts)) assert.equal(classify(new Told(kind as Kind)), verdict, kind);
});

test('refusals of our own are ignored, our own timeouts are failures', () => {
  assert.equal(classify(new BreakerOpen('open')), 'ignored');
  assert.equal(classify(new BulkheadFull('full')), 'ignored');
  assert.equal(classify(new AttemptTimeout(10)), 'failure');
  assert.equal(classify(new DeadlineExceeded('late')), 'failure');
});

test('by status: 400 to 499 are ignored, but for those that say "not now"', () => {
  const ignored = [400, 401, 403, 404, 407, 409, 410, 422, 424, 426, 428, 431, 499];
  for (const status of ignored) assert.equal(classify(Object.assign(new Error(), { status })), 'ignored', String(status));
  for (const statusCode of ignored) assert.equal(classify(Object.assign(new Error(), { statusCode })), 'ignored', String(statusCode));
  for (const status of [200, 302, 399, 408, 425, 429, 500, 503, 599])
    assert.equal(classify(Object.assign(new Error(), { status })), 'failure', String(status));
});

test('an abort of the work’s own making is its caller’s, a timeout of its own the callee’s', () => {
  assert.equal(classify(AbortSignal.abort().reason), 'ignored');
  assert.equal(classify(new DOMException('late', 'TimeoutError')), 'failure');
  for (const thrown of [undefined, null, 'text', 5]) assert.equal(classify(thrown), 'failure');
});

test('what the callee asks for is read where it is a number', () => {
  assert.equal(retryAfterOf({ retryAfterMs: 5 }), 5);
  for (const error of [undefined, null, 'text', {}, { retryAfterMs: '5' }, { retryAfterMs: Number.NaN }])
    assert.equal(retryAfterOf(error), undefined);
});
