import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scope } from '../core/abort.ts';
import { runtime } from '../core/runtime.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { type Delivery, dispatch } from './dispatch.ts';

/** A dispatch on a virtual clock, what began in it, and a way to end each piece. */
function dispatching(concurrency = 8) {
  const clock = virtualClock();
  const one = dispatch({ topic: 'orders', group: 'g', concurrency }, runtime({ clock, random: seededRandom(1) }));
  const began: string[] = [];
  const ended: string[] = [];
  const ends = new Map<string, () => void>();
  const delivery = (id: string, more: Partial<Delivery> = {}): Delivery => ({
    key: id[0] as string,
    type: 'orders.placed',
    id,
    handle({ signal }) {
      began.push(id);
      return new Promise((resolve, reject) => {
        ends.set(id, resolve);
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    },
    done: () => void ended.push(id),
    ...more,
  });
  return {
    clock,
    one,
    began,
    ended,
    add: (id: string, more?: Partial<Delivery>): void => one.add(delivery(id, more)),
    async end(id: string) {
      ends.get(id)?.();
      await clock.advance(0);
    },
  };
}

test('only the first delivery of an orphaned event says so: a redelivery in the same process means no death', async () => {
  const { clock, one, add } = dispatching();
  const seen: unknown[] = [];
  add('a', {
    position: '7',
    orphaned: true,
    async handle({ orphaned, position }) {
      seen.push([orphaned, position]);
      if (seen.length < 3) throw new Error('the database is away');
    },
  });
  await clock.advance(2000);
  assert.deepEqual(seen, [
    [true, '7'],
    [false, '7'],
    [false, '7'],
  ]);
  await one.close();
});

test('events of one key are handled one after another, those of other keys at the same time', async () => {
  const { one, began, ended, add, end } = dispatching();
  for (const id of ['a1', 'a2', 'b1']) add(id);
  assert.deepEqual([began, one.size], [['a1', 'b1'], 3]);
  await end('b1');
  await end('a1');
  assert.deepEqual(
    [began, ended],
    [
      ['a1', 'b1', 'a2'],
      ['b1', 'a1'],
    ],
  );
  await end('a2');
  assert.deepEqual([one.size, one.load], [0, 0]);
  await one.close();
});

test('an event that the member no longer owns is aborted, is not redelivered, and does not hold up its key', async () => {
  const { clock, one, began, ended, add, end } = dispatching();
  const owned = scope({ clock });
  add('a1', { owned });
  add('a2', { owned });
  add('a3');
  owned.abort(new Error('the partition has gone'));
  await clock.advance(10_000);
  assert.deepEqual([began, ended], [['a1', 'a3'], []]);
  await end('a3');
  assert.deepEqual(ended, ['a3']);
  await one.close();
});

test('an event whose ownership ends while it waits for its redelivery frees its key at once', async () => {
  const { clock, one, began, add } = dispatching();
  const owned = scope({ clock });
  add('a1', { owned, handle: async () => Promise.reject(new Error('no database')) });
  add('a2');
  await clock.advance(10);
  owned.abort(new Error('the partition has gone'));
  await clock.advance(0);
  assert.deepEqual(began, ['a2']);
  await one.close(AbortSignal.abort('down'));
});

test('a held event does not begin, nor anything behind it, until it is resumed; other keys go on', async () => {
  const { one, began, add, end } = dispatching(1);
  let isHeld = true;
  add('a1', { isHeld: () => isHeld });
  add('a2');
  add('b1');
  await end('b1');
  assert.deepEqual(began, ['b1']);
  one.resume();
  assert.deepEqual(began, ['b1'], 'it is still held');
  isHeld = false;
  one.resume();
  await end('a1');
  await end('a2');
  assert.deepEqual(began, ['b1', 'a1', 'a2']);
  await one.close();
});

test('a close leaves handlers alone that ignore their signal', async () => {
  const { clock, one, add } = dispatching();
  add('a1', { handle: () => new Promise(() => {}) });
  let closed = false;
  void one.close(AbortSignal.abort('down')).then(() => {
    closed = true;
  });
  await clock.advance(999);
  assert.equal(closed, false);
  await clock.advance(1);
  assert.equal(closed, true);
});
