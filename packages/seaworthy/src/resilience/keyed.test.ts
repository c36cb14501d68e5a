import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breaker } from './breaker.ts';
import { PolicyInvalid } from './errors.ts';
import { keyed } from './keyed.ts';
import { policyOn } from './policy.ts';
import { boom, fine, held, quietly, virtualRuntime } from './virtual-runtime.fixture.ts';

test('each key has its own breaker', async () => {
  const { rt } = virtualRuntime();
  const guards = keyed((_host: string) => policyOn(rt, breaker({ name: `hosts`, failures: 1 })), { runtime: rt });
  await quietly(guards.of('a')(boom));
  await assert.rejects(guards.of('a')(fine), /is open/);
  assert.equal(await guards.of('b')(fine), 'fine');
  assert.equal(guards.of('a'), guards.of('a'));
});

interface Thing {
  readonly key: string;
  dispose(): void;
}
const things = (options: { limit?: number; idle?: '1m' }) => {
  const { clock, rt } = virtualRuntime();
  const gone: string[] = [];
  const all = keyed((key: string): Thing => ({ key, dispose: () => void gone.push(key) }), { ...options, runtime: rt });
  return { clock, gone, all };
};

test('the least recently used value is dropped first and disposed of', () => {
  const { all, gone } = things({ limit: 2 });
  all.of('a');
  all.of('b');
  all.of('a');
  all.of('c');
  assert.deepEqual(gone, ['b']);
  assert.equal(all.size, 2);
});

test('idle values are dropped without a timer', async () => {
  const { clock, all, gone } = things({ idle: '1m' });
  all.of('a');
  all.of('b');
  await clock.advance(30_000);
  all.of('b');
  await clock.advance(30_000);
  assert.equal(clock.waiting, 0);
  assert.deepEqual(gone, []);
  all.of('c');
  assert.deepEqual(gone, ['a']);
  await clock.advance(59_999);
  const same = all.of('c');
  assert.deepEqual(gone, ['a', 'b']);
  await clock.advance(59_999);
  assert.equal(all.of('c'), same);
});

test('work in flight keeps its value when the key is dropped', async () => {
  const { rt } = virtualRuntime();
  const guards = keyed(() => policyOn(rt, breaker()), { limit: 1, runtime: rt });
  const hold = held();
  const working = guards.of('a')(hold.work);
  guards.of('b');
  hold.succeed();
  assert.equal(await working, 'done');
});

test('a limit or an idle time that bounds nothing is refused', () => {
  assert.throws(() => keyed(() => ({}), { limit: 0 }), PolicyInvalid);
  assert.throws(() => keyed(() => ({}), { idle: '5' as never }), /keyed idle/);
});
