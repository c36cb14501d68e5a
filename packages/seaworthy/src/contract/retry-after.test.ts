import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { longestMs } from '../core/duration.ts';
import { httpDate, unreadableWaitMs, waitOf } from './retry-after.ts';

/** Sunday, 1 November 2026, 12:00:00 in UTC. */
const now = Date.UTC(2026, 10, 1, 12);

test('a wait is read in each of its forms', () => {
  for (const [text, ms] of [
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5000],
    ['1.5', 1500],
    ['0.0001', 1],
    ['99999999999', longestMs],
    ['9'.repeat(500), longestMs],
    ['Sun, 01 Nov 2026 12:01:00 GMT', 60_000],
    ['Sunday, 01-Nov-26 12:01:00 GMT', 60_000],
    ['Sun Nov  1 12:01:00 2026', 60_000],
    ['sun, 01 nov 2026 12:01:00 gmt', 60_000],
    ['Fri, 31 Dec 9999 23:59:59 GMT', longestMs],
    ['Sun, 01 Nov 2026 11:59:00 GMT', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
    ['5, 120', 120_000],
    [['5', '120', '7'], 120_000],
    [['5', 'Sun, 01 Nov 2026 12:01:00 GMT'], 60_000],
    [['soon', '5'], 5000],
    ['soon, 5', 5000],
  ] as const)
    assert.equal(waitOf(text, undefined, now), ms, String(text));
});

test('a Retry-After that cannot be read makes a long wait', () => {
  for (const text of [
    '',
    'soon',
    '-5',
    '+5',
    '1e3',
    '0x10',
    'Infinity',
    '5s',
    'Sun, 32 Nov 2026 12:00:00 GMT',
    '2026-11-01',
    ['soon', 'later'],
    ',',
  ])
    assert.equal(waitOf(text, undefined, now), unreadableWaitMs, String(text));
  for (const told of [-5, Number.NaN, '5', {}, []]) assert.equal(waitOf(undefined, told, now), unreadableWaitMs);
  assert.equal(waitOf(undefined, undefined, now), undefined);
  assert.equal(waitOf([], null, now), undefined);
});

test('the longer wait of header and document counts', () => {
  assert.equal(waitOf('3', 1500, now), 3000);
  assert.equal(waitOf('2', 1500, now), 1500, 'the header has whole seconds');
  assert.equal(waitOf('1', 1500, now), 1500);
  assert.equal(waitOf('soon', 1500, now), 1500);
  assert.equal(waitOf(undefined, 1e300, now), longestMs);
});

test('property: each moment is read from its date, and every text gives a bounded wait', () => {
  const moment = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2070, 0) }).map((ms) => ms - (ms % 1000));
  fc.assert(fc.property(moment, (ms) => assert.equal(httpDate(new Date(ms).toUTCString(), now), ms)));
  const digits = fc.stringMatching(/^[-+.e\d]{0,30}$/);
  fc.assert(
    fc.property(fc.oneof(fc.string(), digits), fc.anything(), (text, told) => {
      const wait = waitOf(text, told, now);
      assert.ok(wait !== undefined && wait >= 0 && wait <= longestMs);
    }),
  );
});
