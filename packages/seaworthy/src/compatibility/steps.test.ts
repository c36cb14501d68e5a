import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Keywords, Node } from '../contract/json-schema.ts';
import { accepts, type Meter } from './accepts.ts';
import type { Mismatch } from './mismatch.ts';

/** Compares two schemas, and counts the steps. */
function counted(reader: Node, writer: Node): { readonly steps: number; readonly found: readonly Mismatch[] } {
  const meter: Meter = { steps: 0, most: 200_000 };
  const found = accepts(reader, writer, meter);
  return { steps: meter.steps, found };
}

const object = (properties: Readonly<Record<string, Node>>, required: readonly string[] = []): Keywords => ({
  type: 'object',
  properties,
  required,
});
const text: Keywords = { type: 'string' };
const ref = (name: string | number): Keywords => ({ $ref: `#/$defs/${name}` });
const numbers = (count: number): readonly number[] => [...Array(count).keys()];

/** Kinds that refer to each other, the last of which has more to report. */
function kinds(
  count: number,
  more: Readonly<Record<string, Node>>,
  required: readonly string[] = [],
  join: (node: Node) => Node = (node) => node,
): Node {
  const $defs = Object.fromEntries(
    numbers(count).map((kind) => {
      const others = Object.fromEntries(numbers(count).map((to) => [`to${to}`, join(ref(to))]));
      const last = kind === count - 1;
      return [kind, object({ name: text, ...others, ...(last && more) }, last ? required : [])];
    }),
  );
  return { ...object({ root: ref(0) }), $defs };
}

const nested = (depth: number, end: Node, wrap: (inner: Node, depth: number) => Node): Node =>
  numbers(depth).reduce((inner, level) => wrap(inner, level), end);
const distinct = (kind: string | number, inner: Node): Node => object({ kind: { const: kind }, inner }, ['kind']);

/** Each in terms of the one before. */
const levels = (depth: number, end: Node, of: (inner: Node, level: number) => Node): Readonly<Record<string, Node>> =>
  Object.fromEntries(numbers(depth + 1).map((level) => [level, level === 0 ? end : of(ref(level - 1), level)]));

type Family = (size: number) => readonly [reader: Node, writer: Node];
const families: Readonly<Record<string, Family>> = {
  'kinds that refer to each other': (n) => [kinds(n, { note: text }), kinds(n, {})],
  'kinds of which one asks for more': (n) => [kinds(n, { note: text }, ['note']), kinds(n, {})],
  'kinds that may be null': (n) => [
    kinds(n, { note: { type: 'integer' } }, [], (one) => ({ anyOf: [one, { type: 'null' }] })),
    kinds(n, { note: text }, [], (one) => ({ anyOf: [one, { type: 'null' }] })),
  ],
  'kinds that are any of each other': (n) => {
    const any = (more: Node): Node => ({
      ...ref('any'),
      $defs: {
        any: { anyOf: numbers(n).map(ref) },
        ...Object.fromEntries(
          numbers(n).map((kind) => [kind, object({ a: ref('any'), b: ref('any'), end: kind === n - 1 ? more : text })]),
        ),
      },
    });
    return [any({ type: 'integer' }), any(text)];
  },
  'forms within forms': (n) => [
    { $defs: levels(n, text, (inner, level) => ({ anyOf: ['a', 'b', level].map((kind) => distinct(kind, inner)) })), ...ref(n) },
    { $defs: levels(n, { type: 'integer' }, (inner) => ({ anyOf: ['a', 'b'].map((kind) => distinct(kind, inner)) })), ...ref(n) },
  ],
  'exactly one of forms within forms': (n) => [
    { $defs: defsOf(n, 'oneOf', text), ...ref(n - 1) },
    { $defs: defsOf(n, 'oneOf', { type: 'integer' }), ...ref(n - 1) },
  ],
  'any of forms that look alike': (n) => [
    { $defs: defsOf(n, 'anyOf', text), ...ref(n - 1) },
    { $defs: defsOf(n, 'anyOf', { type: 'integer' }), ...ref(n - 1) },
  ],
  'parts that are alternatives': (n) => [
    object({ a: text }),
    { allOf: numbers(n).map((part) => ({ anyOf: [object({ [`a${part}`]: text }), object({ [`b${part}`]: text })] })) },
  ],
  'parts within parts': (n) => [
    { $defs: defsOf(n, 'allOf', text), ...ref(n - 1) },
    { $defs: defsOf(n, 'allOf', { type: 'integer' }), ...ref(n - 1) },
  ],
  'alternatives of the same': (n) => [
    {
      $defs: Object.fromEntries(numbers(n).map((kind) => [kind, { anyOf: kind === 0 ? [text] : [ref(kind - 1), ref(kind - 1)] }])),
      ...ref(n - 1),
    },
    { enum: ['a', 1, 'b'] },
  ],
  'many values': (n) => [{ enum: numbers(n * 20) }, { enum: numbers(n * 20 + 1) }],
  'many forms': (n) => [
    { anyOf: numbers(n).map((kind) => distinct(kind, text)) },
    { anyOf: numbers(n + 1).map((kind) => distinct(kind, text)) },
  ],
  'deep lists': (n) => [
    nested(n * 10, text, (items) => ({ type: 'array', items })),
    nested(n * 10, { type: 'integer' }, (items) => ({ type: 'array', items })),
  ],
};

/** Each in terms of the one before, twice. */
function defsOf(count: number, name: 'anyOf' | 'oneOf' | 'allOf', end: Node): Readonly<Record<string, Node>> {
  return Object.fromEntries(
    numbers(count).map((level) => [
      level,
      level === 0 ? object({ end }) : { [name]: [object({ a: ref(level - 1) }), object({ b: ref(level - 1), c: ref(level - 1) })] },
    ]),
  );
}

describe('comparing takes steps that grow no faster than a power of the size', () => {
  for (const [name, of] of Object.entries(families)) {
    test(name, () => {
      const [small, large] = [counted(...of(8)), counted(...of(16))];
      assert.ok(large.steps <= 16 * small.steps + 100, `twice the size took ${large.steps} steps instead of ${small.steps}`);
      assert.ok(large.steps < 100_000, `${large.steps} steps`);
      assert.ok(large.found.length <= 20, `${large.found.length} findings: ${JSON.stringify(large.found.slice(0, 3))}`);
    });
  }
});

test('a mismatch that is reached by many references is reported once, at its nearest place', () => {
  const { found } = counted(kinds(11, { note: text }, ['note']), kinds(11, {}));
  assert.deepEqual(
    found.map(({ path, rule }) => `${path} ${rule}`),
    ['.root.to10.note required'],
  );
});

test('a comparison that takes too many steps is undecided, not compatible', () => {
  const found = accepts(kinds(8, {}), kinds(8, { note: text }), { steps: 0, most: 3 });
  assert.deepEqual(
    found.map(({ rule, severity }) => `${rule} ${severity}`),
    ['size undecided'],
  );
});
