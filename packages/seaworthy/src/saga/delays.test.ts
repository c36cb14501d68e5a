import assert from 'node:assert/strict';
import { test } from 'node:test';
import { virtualClock } from '../testing/clock.ts';
import { delays } from './delays.ts';

const forwards = { saga: 'trip', back: false };

test('a wait ends at its time, unless it is cancelled or begins again before', async () => {
  const clock = virtualClock();
  const waits = delays(clock, 10);
  const resumed: (readonly [string, number])[] = [];
  const add = (id: string, ms: number): boolean => waits.add(id, forwards, ms, () => resumed.push([id, clock.monotonic()]));
  for (const id of ['a', 'b', 'c']) add(id, 100);
  waits.cancel('b');
  add('c', 200);
  assert.deepEqual(
    ['a', 'b', 'c'].map((id) => waits.has(id)),
    [true, false, true],
  );
  await clock.advance(1000);
  assert.deepEqual(resumed, [
    ['a', 100],
    ['c', 200],
  ]);
  assert.equal(waits.has('a'), false);
});

test('so many instances of each direction wait; those that end make room', async () => {
  const clock = virtualClock();
  const waits = delays(clock, 2);
  const add = (id: string, saga = 'trip', back = false): boolean => waits.add(id, { saga, back }, 100, () => {});
  assert.deepEqual([add('a'), add('b'), add('c'), add('a')], [true, true, false, true]);
  assert.deepEqual([add('d', 'trip', true), add('e', 'other')], [true, true]);
  waits.cancel('b');
  assert.deepEqual([add('c'), add('b')], [true, false]);
  await clock.advance(100);
  assert.deepEqual([add('a'), add('b'), add('c')], [true, true, false]);
});

test('a close cancels all waits, and none begins after it', async () => {
  const clock = virtualClock();
  const waits = delays(clock, 10);
  const fail = (): void => assert.fail('it was resumed');
  waits.add('a', forwards, 100, fail);
  waits.close();
  waits.add('b', forwards, 100, fail);
  assert.equal(clock.waiting, 0);
  await clock.advance(1000);
});
