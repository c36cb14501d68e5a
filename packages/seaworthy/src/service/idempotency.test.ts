import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { runtime } from '../core/runtime.ts';
import { memory } from '../store/drivers/memory.ts';
import { KeyReused, StepUndone } from './errors.ts';
import { insertIntent, intentMigrations, removeIntent } from './external/intent-table.ts';
import { fingerprint, forget, forgetSteps, idempotencyMigrations, lookUp, record } from './idempotency.ts';
import { enterStep, layTombstone, tombstoneMigrations } from './tombstone.ts';

test('records and tombstones are deleted at their age, the oldest first, up to a limit; those of saga steps have an age of their own', async () => {
  const store = await memory().open('desk', runtime());
  await store.migrate([...idempotencyMigrations, ...tombstoneMigrations, ...intentMigrations]);
  const call = (key: string) => ({ operation: 'write', key, fingerprint: fingerprint({ key }) });
  const open = { ...call('step 10#1'), input: {}, intent: null, since: 5, attempts: 0, trace: undefined };
  await store.transaction(async (tx) => {
    for (const at of [30, 10, 20, 40]) {
      record(tx, call(`at ${at}`), { kind: 'output', output: at }, at);
      record(tx, call(`saga ${at}.step#1`), { kind: 'output', output: at }, at);
      await layTombstone(tx, `step ${at}`, at);
    }
    // It is undone once more: only then its time begins.
    await layTombstone(tx, 'step 20', 50);
    insertIntent(tx, open, 'me', 99);
  });
  const isThere = async (key: string): Promise<boolean> => (await lookUp(store.read, call(key), undefined)).answer !== undefined;
  const isUndone = (at: number): Promise<boolean> =>
    lookUp(store.read, call(`step ${at}#1`), `step ${at}`).then(
      () => false,
      (error: unknown) => error instanceof StepUndone,
    );
  const left = (): Promise<readonly (readonly boolean[])[]> =>
    Promise.all([10, 20, 30, 40].map((at) => Promise.all([isThere(`at ${at}`), isThere(`saga ${at}.step#1`), isUndone(at)])));
  const all = [true, true, true];
  assert.equal(await store.transaction((tx) => forget(tx, 30, 1)), 1);
  assert.deepEqual(await left(), [[false, true, true], all, all, all]);
  assert.equal(await store.transaction((tx) => forget(tx, 30, 10)), 1);
  assert.equal(await store.transaction((tx) => forget(tx, 30, 10)), 0);
  assert.deepEqual(await left(), [[false, true, true], [false, true, true], all, all]);
  // The tombstone of a step whose external command is open stays, and so does one that was renewed.
  assert.equal(await store.transaction((tx) => forgetSteps(tx, 35, 1)), 1);
  assert.deepEqual(await left(), [[false, false, true], [false, true, true], [true, true, false], all]);
  await store.transaction((tx) => removeIntent(tx, open, 'me'));
  assert.equal(await store.transaction((tx) => forgetSteps(tx, 35, 10)), 2);
  assert.equal(await store.transaction((tx) => forgetSteps(tx, 35, 10)), 0);
  assert.deepEqual(await left(), [[false, false, false], [false, false, true], [true, false, false], all]);
  await store.close();
});

test('a record without an answer is kept while its intent is open, and a row of a step that was not undone is deleted at its age', async () => {
  const store = await memory().open('desk', runtime());
  await store.migrate([...idempotencyMigrations, ...tombstoneMigrations, ...intentMigrations]);
  const call = { operation: 'write', key: 'a', fingerprint: 'f' };
  await store.transaction(async (tx) => {
    record(tx, call, undefined, 10);
    insertIntent(tx, { ...call, input: {}, intent: null, since: 5, attempts: 0, trace: undefined }, 'me', 99);
    await enterStep(tx, 's.step', false, 10);
  });
  const step = 's.step';
  assert.deepEqual(await lookUp(store.read, call, step), { answer: undefined, inProgress: true, begun: true });
  await assert.rejects(lookUp(store.read, { ...call, fingerprint: 'other' }, step), KeyReused);
  assert.equal(await store.transaction((tx) => forget(tx, 50, 10)), 0);
  await store.transaction((tx) => enterStep(tx, step, true, 20));
  assert.equal(await store.transaction((tx) => forgetSteps(tx, 15, 10)), 0, 'a later call renews the row');
  assert.equal(await store.transaction((tx) => forgetSteps(tx, 50, 10)), 1);
  await store.transaction((tx) => removeIntent(tx, call, 'me'));
  assert.equal(await store.transaction((tx) => forget(tx, 50, 10)), 1);
  assert.deepEqual(await lookUp(store.read, call, step), { answer: undefined, inProgress: false, begun: false });
  await store.close();
});

test('equal inputs have the same fingerprint, whatever the order of their fields', () => {
  const turned = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(turned);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([name, field]) => [name, turned(field)] as const);
    return { gone: undefined, ...Object.fromEntries(entries.toReversed()) };
  };
  const values = fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes('"__proto__"'));
  fc.assert(fc.property(values, (value) => assert.equal(fingerprint(turned(value)), fingerprint(value))));
  fc.assert(
    fc.property(values, values, (one, other) => {
      const equal = isDeepStrictEqual(JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(other)));
      assert.equal(fingerprint(one) === fingerprint(other), equal);
    }),
  );
});

/** `value` with objects and lists that count how often something of them is read. */
function counting(value: unknown, count: () => void): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const inner = Array.isArray(value)
    ? value.map((one) => counting(one, count))
    : Object.fromEntries(Object.entries(value).map(([name, one]) => [name, counting(one, count)]));
  return new Proxy(inner, {
    get(target, name, receiver) {
      count();
      return Reflect.get(target, name, receiver);
    },
  });
}

test('the cost of a fingerprint is linear in the size of the input, however deep it is and whatever the order of its fields', () => {
  const nested = (depth: number, wrap: (inner: unknown) => unknown, innermost: unknown): unknown =>
    Array.from({ length: depth }).reduce((inner) => wrap(inner), innermost);
  const stepsOf = (value: unknown): number => {
    let steps = 0;
    const counted = counting(value, () => {
      // What doubles with each level would not come to its end.
      if (++steps > 100_000) throw new Error('too many steps');
    });
    fingerprint(counted);
    return steps;
  };
  for (const innermost of [1, { a: 1, b: 1 }, { b: 1, a: 1 }, [{ b: 1, a: 1 }]])
    for (const wrap of [
      (inner: unknown) => ({ a: inner }),
      (inner: unknown) => ({ b: inner, a: 1 }),
      (inner: unknown) => [inner],
      (inner: unknown) => [1, inner],
    ]) {
      const [small, large] = [40, 80].map((depth) => stepsOf(nested(depth, wrap, innermost))) as [number, number];
      assert.ok(large <= 2 * small + 100, `${small} steps became ${large}`);
    }
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      assert.ok(stepsOf(value) <= 20 + 20 * JSON.stringify(value).length);
    }),
  );
});
