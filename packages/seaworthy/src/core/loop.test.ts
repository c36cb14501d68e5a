import assert from 'node:assert/strict';
import { test } from 'node:test';
import { virtualClock } from '../testing/clock.ts';
import { macrotask } from './event-loop.ts';
import { loop } from './loop.ts';
import { silent } from './observe.ts';
import { runtime } from './runtime.ts';

/** A loop on a virtual clock, and the moments at which its turns began. */
function looping(turn: (n: number, closing: AbortSignal) => Promise<number> | number, more: { readonly delayMs?: number } = {}) {
  const clock = virtualClock();
  const began: number[] = [];
  const logged: unknown[] = [];
  const observe = { ...silent, log: (_: unknown, message: string) => void logged.push(message) };
  const one = loop({
    runtime: runtime({ clock, random: { next: () => 1 - Number.EPSILON }, observe }),
    name: 'the test',
    async turn(closing) {
      began.push(clock.monotonic());
      return turn(began.length, closing);
    },
    ...more,
  });
  return { clock, began, logged, one };
}

test('a turn starts at its time, or at once when the loop is woken', async () => {
  const { clock, began, one } = looping(() => 1000);
  await clock.advance(2500);
  one.wake();
  await clock.advance(1000);
  await one.close();
  assert.deepEqual(began, [0, 1000, 2000, 2500, 3500]);
  assert.equal(clock.waiting, 0);
});

test('the first turn waits for its delay, unless the loop is woken', async () => {
  const late = looping(() => 1000, { delayMs: 300 });
  await late.clock.advance(300);
  const woken = looping(() => 1000, { delayMs: 300 });
  await woken.clock.advance(100);
  woken.one.wake();
  await woken.clock.advance(1);
  await Promise.all([late.one.close(), woken.one.close()]);
  assert.deepEqual([late.began, woken.began], [[300], [100]]);
});

test('a wake-up during a turn counts for the next one', async () => {
  const { clock, began, one } = looping(async (n) => {
    await macrotask();
    if (n === 1) one.wake();
    return 1000;
  });
  await clock.advance(1);
  await one.close();
  assert.deepEqual(began, [0, 0]);
});

test('a turn that fails is reported and repeated after its backoff, which a wake-up does not cut short', async () => {
  const { clock, began, logged, one } = looping((n) => {
    if (n <= 3) throw new Error('no database');
    return 1000;
  });
  await clock.advance(50);
  one.wake();
  await clock.advance(700);
  await one.close();
  assert.deepEqual(began.map(Math.round), [0, 100, 300, 700, 700]);
  assert.deepEqual(logged, Array(3).fill('the test failed; retrying'));
});

test('a close waits for the running turn, starts no further one, and reports no failure of it', async () => {
  let end = (): void => {};
  const { clock, began, logged, one } = looping(
    (_, closing) =>
      new Promise((_resolve, reject) => {
        closing.addEventListener('abort', () => {
          end = () => reject(closing.reason);
        });
      }),
  );
  await clock.advance(1);
  let closed = false;
  const closing = one.close().then(() => {
    closed = true;
  });
  one.wake();
  await clock.advance(10_000);
  assert.equal(closed, false);
  end();
  await closing;
  assert.deepEqual([began, logged], [[0], []]);
});

test('a close that is cut short leaves the running turn alone', async () => {
  const { clock, began, logged, one } = looping(() => new Promise<number>(() => {}));
  await clock.advance(1);
  await one.close(AbortSignal.abort(new Error('down')));
  await clock.advance(10_000);
  assert.deepEqual([began, logged, clock.waiting], [[0], [], 0]);
});
