import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { asJson, deepest, unstorable } from './as-json.ts';
import { lossy, unstorableTexts } from './conformance/lossy.ts';

const taken = (value: unknown): unknown => {
  const json = asJson(value);
  assert.ok('value' in json, JSON.stringify(json));
  return json.value;
};

test('the JSON of a value is what JSON.stringify would write, and shares nothing with the value', () => {
  const whole = (value: unknown): boolean => JSON.stringify(value)?.includes('"__proto__"') !== true;
  fc.assert(
    fc.property(fc.jsonValue().filter(whole), (value) => {
      assert.deepEqual(taken(value), JSON.parse(JSON.stringify(value)));
    }),
  );
  const inner = { n: 1 };
  const value = { inner, list: [inner, inner], none: undefined };
  const json = taken(value) as typeof value;
  assert.deepEqual(json, { inner: { n: 1 }, list: [{ n: 1 }, { n: 1 }] });
  assert.notEqual(json.inner, inner);
  assert.notEqual(json.list[0], json.list[1]);
});

test('property: any value has the JSON that JSON.stringify would write, or is a fault', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
  });
  fc.assert(
    fc.property(anything, (value) => {
      const json = asJson(value);
      if ('value' in json) assert.equal(JSON.stringify(json.value), JSON.stringify(value));
    }),
  );
});

test('rows without a prototype, instances of a class without methods, and objects of another realm are plain data', () => {
  class Row {
    readonly id = 'a';
    readonly none = undefined;
  }
  const row = Object.assign(Object.create(null), { id: 'a' });
  const foreign: unknown = runInNewContext('({ id: "a", list: [1] })');
  assert.deepEqual(taken([row, new Row(), new (class extends Row {})(), foreign, -0]), [
    { id: 'a' },
    { id: 'a' },
    { id: 'a' },
    { id: 'a', list: [1] },
    0,
  ]);
});

for (const [what, [value, rule]] of Object.entries(lossy)) {
  test(`${what} is a fault, wherever it is`, () => {
    for (const [path, whole] of [
      ['', value],
      ['a', { b: 1, a: value }],
      ['a.1.b', { a: [0, { b: value }] }],
    ] as const) {
      const json = asJson(whole);
      assert.ok('fault' in json, path);
      assert.match(json.fault.message, rule);
      assert.ok(json.fault.path.startsWith(path), json.fault.path);
    }
  });
}

test('the place of a fault is bounded, at any depth', () => {
  const json = asJson({ ['x'.repeat(10_000)]: Number.NaN });
  assert.ok('fault' in json && json.fault.path.length === 300);
  const nested = (levels: number): unknown => Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 1);
  assert.ok('value' in asJson(nested(deepest)));
  assert.ok('fault' in asJson(nested(deepest + 1)));
});

for (const [what, [value, rule]] of Object.entries(unstorableTexts)) {
  test(`${what} is a fault with the option \`storable\` alone, and its place is a text that every database keeps`, () => {
    assert.ok('value' in asJson({ a: value }));
    const json = asJson({ a: value }, { storable: true });
    assert.ok('fault' in json && json.fault.path.startsWith('a'));
    assert.match(json.fault.message, rule);
    assert.ok('value' in asJson(json.fault.path, { storable: true }));
  });
}

test('property: U+0000 is found wherever it is, and nowhere else', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: fc.constantFrom('a', '\0', 'ä') }), (value) => {
      assert.equal(unstorable(value) !== undefined, JSON.stringify(value).includes('\\u0000'));
    }),
  );
  const deep = Array.from({ length: 100_000 }).reduce<unknown>((inner) => [inner], '\0');
  assert.match(unstorable(deep)?.message ?? '', /nested more than 100 levels/);
});

test('each field is read once, however deep or wide the value is', () => {
  const nodes = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 6 },
      fc.integer(),
      fc.array(tie('node'), { maxLength: 4 }),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), tie('node'), { noNullPrototype: true }),
    ),
  })).node;
  fc.assert(
    fc.property(nodes, (value) => {
      const reads = new Map<object, Map<PropertyKey, number>>();
      const counted = (inner: unknown): unknown => {
        if (typeof inner !== 'object' || inner === null) return inner;
        const copy = Array.isArray(inner)
          ? inner.map(counted)
          : Object.fromEntries(Object.entries(inner).map(([name, one]) => [name, counted(one)]));
        const seen = new Map<PropertyKey, number>();
        reads.set(copy, seen);
        return new Proxy(copy, {
          get(target, name) {
            if (Object.hasOwn(target, name) && name !== 'length') seen.set(name, (seen.get(name) ?? 0) + 1);
            return Reflect.get(target, name);
          },
        });
      };
      assert.deepEqual(taken(counted(value)), value);
      for (const seen of reads.values()) for (const count of seen.values()) assert.equal(count, 1);
    }),
  );
});
