import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bulkhead } from './bulkhead.ts';
import { BulkheadFull } from './errors.ts';

/** The actions of numbered callers: `leaves` leaves the queue, `ends` releases the slot. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'comes' } as const) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ends' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leaves' as const), which: fc.nat(20) }) },
);

test('the bulkhead agrees with two plain lists in a thousand random schedules', () => {
  const schedule = fc.property(
    fc.array(step, { maxLength: 80, size: 'max' }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 0, max: 4 }),
    (steps, limit, queue) => {
      const real = bulkhead({ limit, queue });
      const inside: number[] = [];
      const leave = new Map<number, () => void>();
      let running: number[] = [];
      let waiting: number[] = [];
      let next = 0;
      for (const one of steps) {
        if (one.do === 'comes') {
          const who = next++;
          if (real.tryEnter()) {
            inside.push(who);
            running.push(who);
          } else if (waiting.length < queue) {
            leave.set(
              who,
              real.wait(() => void inside.push(who)),
            );
            waiting.push(who);
          } else assert.throws(() => real.wait(() => void inside.push(who)), BulkheadFull);
        } else if (one.do === 'ends' && running.length > 0) {
          const who = running[one.which % running.length] as number;
          running = running.filter((other) => other !== who);
          const [first, ...others] = waiting;
          if (first !== undefined) running.push(first);
          waiting = others;
          real.leave();
        } else if (one.do === 'leaves' && waiting.length > 0) {
          const who = waiting[one.which % waiting.length] as number;
          waiting = waiting.filter((other) => other !== who);
          leave.get(who)?.();
        }
        assert.deepEqual([real.running, real.waiting], [running.length, waiting.length]);
        assert.ok(waiting.length === 0 || running.length === limit, 'nobody waits beside a free slot');
        assert.deepEqual(
          running.filter((who) => !inside.includes(who)),
          [],
          'who has a slot was let in',
        );
        assert.deepEqual(
          waiting.filter((who) => inside.includes(who)),
          [],
          'who waits was not',
        );
      }
    },
  );
  fc.assert(schedule, { numRuns: 1000, seed: 42 });
});
