import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { macrotask } from '../../core/event-loop.ts';
import { type Leave, Slots } from './slots.ts';

test('slots: so many are inside as there is room for, and the others come in their order', async () => {
  const slots = new Slots(2);
  const came: number[] = [];
  const leaves: Leave[] = [];
  const all = [0, 1, 2, 3].map(async (who) => {
    leaves[who] = await slots.enter();
    came.push(who);
  });
  await macrotask();
  assert.deepEqual(came, [0, 1]);
  assert.equal(slots.full, true);
  leaves[1]?.();
  await macrotask();
  assert.deepEqual(came, [0, 1, 2]);
  // To leave twice frees nothing.
  leaves[1]?.();
  await macrotask();
  assert.deepEqual(came, [0, 1, 2]);
  leaves[0]?.();
  await Promise.all(all);
  assert.deepEqual(came, [0, 1, 2, 3]);
  assert.equal(slots.full, true);
  leaves[2]?.();
  assert.equal(slots.full, false);
});

test('slots: whoever aborts while waiting gets the reason at once, and takes no room from those behind', async () => {
  const slots = new Slots(1);
  const leave = await slots.enter();
  const controller = new AbortController();
  const reason = new Error('left');
  const waiting = slots.enter(controller.signal);
  const behind = slots.enter();
  controller.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(slots.enter(controller.signal), reason);
  leave();
  (await behind)();
  assert.equal(slots.full, false);
});

test('slots: whatever comes, leaves and aborts, never are too many inside, nobody is overtaken, and nothing is left behind', async () => {
  const step = fc.oneof(fc.constant('enter' as const), fc.record({ leave: fc.nat() }), fc.record({ abort: fc.nat() }));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), async (limit, steps) => {
      const slots = new Slots(limit);
      const inside = new Map<number, Leave>();
      const waiting = new Map<number, AbortController>();
      const signals: AbortSignal[] = [];
      let [next, last, most] = [0, -1, 0];
      const enter = (): void => {
        const who = next++;
        const controller = new AbortController();
        signals.push(controller.signal);
        waiting.set(who, controller);
        slots.enter(controller.signal).then(
          (leave) => {
            waiting.delete(who);
            inside.set(who, leave);
            assert.ok(who > last, 'overtaken');
            last = who;
            most = Math.max(most, inside.size);
          },
          () => waiting.delete(who),
        );
      };
      const leave = (index: number): void => {
        const who = [...inside.keys()][index % inside.size] as number;
        inside.get(who)?.();
        inside.delete(who);
      };
      for (const one of steps) {
        if (one === 'enter') enter();
        else if ('leave' in one) inside.size > 0 && leave(one.leave);
        else if (waiting.size > 0) [...waiting.values()][one.abort % waiting.size]?.abort(new Error('left'));
        await macrotask();
        assert.equal(slots.full, inside.size === limit);
        assert.ok(waiting.size === 0 || inside.size === limit, 'somebody waits although there is room');
      }
      while (inside.size > 0) {
        leave(0);
        await macrotask();
      }
      assert.ok(most <= limit);
      assert.equal(waiting.size, 0);
      assert.equal(slots.full, false);
      for (const signal of signals) assert.equal(getEventListeners(signal, 'abort').length, 0);
    }),
    { numRuns: 60 },
  );
});
