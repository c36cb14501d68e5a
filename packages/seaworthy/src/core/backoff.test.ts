import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Backoff, backoffMs } from './backoff.ts';

const sure = (chance: number) => ({ next: () => chance });

test('waits double with each failure up to the cap, and jitter spreads each of them', () => {
  const full: Backoff = { baseMs: 100, capMs: 1000, jitter: 'full' };
  const equal: Backoff = { ...full, jitter: 'equal' };
  const cases: readonly (readonly [Backoff, failures: number, chance: number, expected: number])[] = [
    [full, 1, 1, 100],
    [full, 2, 1, 200],
    [full, 4, 1, 800],
    [full, 5, 1, 1000],
    [full, 3, 0.5, 200],
    [full, 3, 0, 0],
    [equal, 3, 0, 200],
    [equal, 3, 0.5, 300],
    [equal, 3, 1, 400],
    [{ ...full, leastMs: 50 }, 1, 0.1, 50],
    [{ ...full, leastMs: 50 }, 1, 0.6, 60],
    [full, Number.MAX_SAFE_INTEGER, 1, 1000],
  ];
  for (const [backoff, failures, chance, expected] of cases) assert.equal(backoffMs(backoff, failures, sure(chance)), expected);
});

test('property: each wait is within the range of its jitter, and waits never decrease for the same random number', () => {
  fc.assert(
    fc.property(
      fc.record({ baseMs: fc.integer({ min: 1, max: 60_000 }), capMs: fc.integer({ min: 1, max: 3_600_000 }) }),
      fc.constantFrom('full' as const, 'equal' as const),
      fc.integer({ min: 1, max: 2000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (times, jitter, failures, chance) => {
        const backoff = { ...times, jitter };
        const wait = backoffMs(backoff, failures, sure(chance));
        const longest = backoffMs(backoff, failures, sure(1));
        assert.ok(wait <= longest && longest <= times.capMs, `${wait} of ${longest}`);
        assert.ok(wait >= (jitter === 'equal' ? longest / 2 : 0));
        assert.ok(backoffMs(backoff, failures + 1, sure(chance)) >= wait);
      },
    ),
  );
});
