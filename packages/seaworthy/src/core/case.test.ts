import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caseOf } from './case.ts';

test('a case skips by the name of the feature that is lacking, and not when nothing lacks', async () => {
  const skipped: unknown[] = [];
  const context = { skip: (message?: string) => void skipped.push(message) };
  await caseOf('a late group', async () => 'a log').run(context);
  await caseOf('a group', async () => {}).run(context);
  assert.deepEqual(skipped, ['the driver lacks: a log']);
});

test('a case rejects with what is wrong, and runs without a context', async () => {
  const wrong = new Error('lost an event');
  const failing = caseOf('a group', () => Promise.reject(wrong));
  await assert.rejects(failing.run(), wrong);
  await caseOf('a late group', async () => 'a log').run();
  assert.equal(failing.run.length, 0, 'a runner that looks for a callback finds none');
});
