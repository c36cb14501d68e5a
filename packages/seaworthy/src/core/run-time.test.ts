import assert from 'node:assert/strict';
import { test } from 'node:test';
import { virtualClock } from '../testing/clock.ts';
import { runTime } from './run-time.ts';

test('each run has its own time, and all of them together ten times as much, from the first one on', async () => {
  const clock = virtualClock();
  const next = runTime(clock, 100);
  await clock.advance(5000);
  assert.deepEqual(next(), { ms: 100, ofAll: undefined });
  await clock.advance(900);
  assert.deepEqual(next(), { ms: 100, ofAll: undefined });
  await clock.advance(30);
  assert.deepEqual(next(), { ms: 70, ofAll: 1000 });
  await clock.advance(5000);
  assert.deepEqual(next(), { ms: 0, ofAll: 1000 });
});
