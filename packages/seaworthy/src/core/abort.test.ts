import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { virtualClock } from '../testing/clock.ts';
import { type Scope, scope } from './abort.ts';

const timeout = { ms: 100, reason: () => new Error('late') };

test('a scope aborts all scopes within it with its reason, at any depth', async () => {
  const clock = virtualClock();
  const top = new AbortController();
  const outer = scope({ clock, parents: [top.signal] });
  const other = scope({ clock });
  const inner = scope({ clock, parents: [other, outer], timeout });
  const beside = scope({ clock, parents: [outer] });
  const deepest = scope({ clock, parents: [inner] });
  const cut = assert.rejects(deepest.race(new Promise(() => {})), /left/);
  const heard = deepest.signal;
  const reason = new Error('left');
  top.abort(reason);
  for (const one of [outer, inner, beside, deepest]) assert.deepEqual([one.aborted, one.reason === reason], [true, true]);
  assert.equal(heard.reason, reason);
  await cut;
  assert.equal(other.aborted, false, 'a parent does not end with what is within it');
  assert.equal(clock.waiting, 0);
});

test('a scope aborts its scopes when its time has passed, and only the first reason counts', async () => {
  const clock = virtualClock();
  const outer = scope({ clock, timeout });
  const inner = scope({ clock, parents: [outer], timeout: { ms: 200, reason: () => new Error('much later') } });
  await clock.advance(100);
  assert.match(String(inner.reason), /late/);
  outer.abort(new Error('again'));
  inner.abort(new Error('again'));
  assert.match(String([outer.reason, outer.signal.reason, inner.reason, inner.signal.reason]), /^(Error: late,?){4}$/);
  assert.equal(clock.waiting, 0);
});

test('a scope that has ended no longer aborts with its parents', () => {
  const clock = virtualClock();
  const top = new AbortController();
  const outer = scope({ clock });
  const ended = scope({ clock, parents: [outer, top.signal], timeout });
  ended.end();
  assert.deepEqual(getEventListeners(top.signal, 'abort'), []);
  outer.abort(new Error('left'));
  top.abort(new Error('left'));
  assert.deepEqual([ended.aborted, ended.signal.aborted, clock.waiting], [false, false, 0]);
});

test('a scope that one parent has aborted is released by the others', () => {
  const clock = virtualClock();
  const top = new AbortController();
  const [first, second] = [scope({ clock }), scope({ clock })];
  const inner = scope({ clock, parents: [first, second, top.signal] });
  let heard = 0;
  inner.signal.addEventListener('abort', () => heard++);
  first.abort(new Error('first'));
  assert.deepEqual(getEventListeners(top.signal, 'abort'), []);
  second.abort(new Error('second'));
  assert.deepEqual([heard, String(inner.reason)], [1, 'Error: first']);
});

test('a scope within an aborted scope is aborted from its start, without timer and listeners', async () => {
  const clock = virtualClock();
  const top = new AbortController();
  const outer = scope({ clock });
  const reason = new Error('left');
  outer.abort(reason);
  const inner = scope({ clock, parents: [top.signal, outer], timeout });
  assert.deepEqual([inner.aborted, inner.reason === reason, inner.signal.reason === reason], [true, true, true]);
  assert.deepEqual([clock.waiting, getEventListeners(top.signal, 'abort')], [0, []]);
  await assert.rejects(inner.race(new Promise(() => {})), /left/);
  inner.end();
});

test('a long scope does not keep short scopes that have ended or aborted', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const clock = virtualClock();
  const long = scope({ clock });
  const short = (close: (one: Scope) => void): WeakRef<Scope> => {
    const one = scope({ clock, parents: [long], timeout });
    close(one);
    return new WeakRef(one);
  };
  const refs = [short((one) => one.end()), short((one) => one.abort(new Error('left')))];
  const kept = short(() => {});
  // What a reference was just made to is kept until the turn ends.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  assert.deepEqual(
    [...refs, kept].map((ref) => ref.deref() !== undefined),
    [false, false, true],
  );
  kept.deref()?.end();
  assert.equal(clock.waiting, 0);
});
