import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { virtualClock } from '../testing/clock.ts';
import { type TimerNode, Wheel } from './wheel.ts';

interface Probe extends TimerNode {
  fired: number | undefined;
}

test('each timer expires at its time or up to a tick later, and never once it is removed', async () => {
  const plan = fc.array(fc.record({ after: fc.nat(300), ms: fc.integer({ min: 0, max: 12_000 }), removed: fc.option(fc.nat(12_000)) }), {
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(plan, async (nodes) => {
      const clock = virtualClock();
      const wheel = new Wheel(clock);
      const made: { readonly probe: Probe; readonly due: number; readonly removedAt: number | undefined }[] = [];
      for (const { after, ms, removed } of nodes) {
        await clock.advance(after);
        const probe: Probe = {
          previous: undefined,
          next: undefined,
          at: 0,
          slot: -1,
          fired: undefined,
          expire() {
            probe.fired = clock.monotonic();
          },
        };
        const now = clock.monotonic();
        wheel.add(probe, ms, now);
        if (removed !== null) clock.after(removed, () => wheel.remove(probe));
        made.push({ probe, due: now + ms, removedAt: removed === null ? undefined : now + removed });
      }
      await clock.advance(13_000);
      for (const { probe, due, removedAt } of made) {
        if (removedAt !== undefined && removedAt < due) assert.equal(probe.fired, undefined);
        else if (removedAt === undefined || removedAt > due + 10)
          assert.ok(probe.fired !== undefined && probe.fired >= due && probe.fired <= due + 10, `due ${due}, fired ${probe.fired}`);
      }
      assert.equal(clock.waiting, 0, 'at rest it does not turn');
    }),
    { numRuns: 15, seed: 7 },
  );
});

test('a timer that is due at once, on a tick, expires at the next tick and not a whole turn later', async () => {
  const clock = virtualClock();
  const wheel = new Wheel(clock);
  await clock.advance(100);
  const fired: number[] = [];
  wheel.add({ previous: undefined, next: undefined, at: 0, slot: -1, expire: () => void fired.push(clock.monotonic()) }, 0, 100);
  await clock.advance(10_000);
  assert.deepEqual(fired, [110]);
});
