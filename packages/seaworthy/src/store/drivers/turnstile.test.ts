import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { macrotask } from '../../core/event-loop.ts';
import { virtualClock } from '../../testing/clock.ts';
import { Turnstile } from './turnstile.ts';

/** Says what has happened until now, in its order. */
function diary() {
  const events: string[] = [];
  const note = (event: string) => (): void => void events.push(event);
  return {
    events,
    note,
    async after(step: () => void, ...expected: string[]): Promise<void> {
      step();
      await macrotask();
      assert.deepEqual(events.splice(0), expected);
    },
  };
}

test('turnstile: whoever asks to be alone waits until the others have left, and those who come meanwhile wait for the end', async () => {
  const clock = virtualClock();
  const turnstile = new Turnstile(clock);
  const { note, after } = diary();
  await turnstile.enter();
  await turnstile.enter();
  const gate = Promise.withResolvers<void>();
  const alone = turnstile.alone(async () => {
    note('alone')();
    await gate.promise;
  });
  const late = [1, 2].map((who) => turnstile.enter().then(note(`late ${who}`)));
  await after(() => {});
  await after(() => turnstile.leave(), 'alone');
  await after(gate.resolve, 'late 1', 'late 2');
  await Promise.all([alone, ...late]);
  assert.equal(clock.waiting, 0);
});

test('turnstile: the others have a second to leave', async () => {
  const clock = virtualClock();
  const turnstile = new Turnstile(clock);
  const { note, events } = diary();
  await turnstile.enter();
  await turnstile.enter();
  const alone = turnstile.alone(async () => note('alone')());
  await clock.advance(999);
  assert.deepEqual(events, []);
  await clock.advance(1);
  assert.deepEqual(events, ['alone']);
  await alone;
  assert.equal(clock.waiting, 0);
  // It is open again.
  await turnstile.enter();
});

test('turnstile: those who ask together run together, and the others come after the last of them', async () => {
  const turnstile = new Turnstile(virtualClock());
  const { note, after } = diary();
  await turnstile.enter();
  const gates = [0, 1].map(() => Promise.withResolvers<void>());
  const both = gates.map(({ promise }, who) =>
    turnstile.alone(async () => {
      note(`alone ${who}`)();
      await promise;
    }),
  );
  const late = turnstile.enter().then(note('late'));
  await after(() => {}, 'alone 0', 'alone 1');
  await after(() => gates[0]?.resolve());
  await after(() => gates[1]?.resolve(), 'late');
  await Promise.all([...both, late]);
});

test('turnstile: work that fails lets the others in', async () => {
  const turnstile = new Turnstile(virtualClock());
  await turnstile.enter();
  const alone = turnstile.alone(async () => {
    throw new Error('failed');
  });
  const late = turnstile.enter();
  await assert.rejects(alone, /failed/);
  await late;
});

test('turnstile: whoever aborts while waiting gets the reason at once, and leaves no timer and no listener', async () => {
  const clock = virtualClock();
  const turnstile = new Turnstile(clock);
  const { note, after } = diary();
  await turnstile.enter();
  await turnstile.enter();
  const controller = new AbortController();
  const other = new AbortController();
  const reason = new Error('left');
  const alone = turnstile.alone(async () => note('alone')(), controller.signal);
  const waiting = turnstile.enter(other.signal);
  const late = turnstile.enter().then(note('late'));
  other.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(turnstile.enter(other.signal), reason);
  await after(() => {});
  controller.abort(reason);
  await assert.rejects(alone, reason);
  await after(() => {}, 'late');
  await late;
  assert.equal(clock.waiting, 0);
  for (const { signal } of [controller, other]) assert.equal(getEventListeners(signal, 'abort').length, 0);
  // Nobody who aborted is taken to be inside: of the three, two leave, and the last is alone at once.
  turnstile.leave();
  turnstile.leave();
  await turnstile.alone(async () => note('alone')());
  assert.equal(clock.waiting, 0);
});
