import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { z } from 'zod';
import { thorough } from '../../../../scripts/thorough.ts';
import type { Node } from '../contract/json-schema.ts';
import { made, tidy, versions } from './accepts.fixture.ts';
import { accepts } from './accepts.ts';
import type { Mismatch } from './mismatch.ts';

const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false });
const valid = (schema: Node, value: unknown): boolean => ajv.compile(schema)(value) === true;

/** The same schema for what a writer of it writes: no field that it does not name. */
function written(node: Node, bound = false): Node {
  if (typeof node === 'boolean') return node;
  const each = (nodes: readonly Node[] | undefined, within = false): object | undefined => nodes?.map((one) => written(one, within));
  const { properties, additionalProperties, items, prefixItems, anyOf, oneOf, allOf, ...rest } = node;
  const open = !bound && additionalProperties === undefined;
  return tidy({
    ...rest,
    ...{ additionalProperties, items: items === undefined ? undefined : written(items), prefixItems: each(prefixItems) },
    properties: properties && Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, written(one)])),
    // Of several that hold at once, each may name some of the fields.
    ...{ anyOf: each(anyOf, bound), oneOf: each(oneOf, bound), allOf: each(allOf, true) },
    ...(open && { unevaluatedProperties: false }),
  });
}

const runs = thorough ? 2000 : 500;

describe('accepts', () => {
  test('property: a reader without a mismatch accepts every value of the writer', () => {
    let compatible = 0;
    fc.assert(
      fc.property(
        versions.chain(({ before, after }) =>
          fc.record({ before: fc.constant(before.schema), after: fc.constant(after), value: before.value }),
        ),
        ({ before, after, value }) => {
          if (accepts(after, before).length > 0 || !valid(before, value) || !valid(written(before), value)) return;
          compatible++;
          assert.ok(
            valid(after, value),
            `${JSON.stringify(before)} may write ${JSON.stringify(value)}, which ${JSON.stringify(after)} refuses`,
          );
        },
      ),
      { numRuns: runs },
    );
    assert.ok(compatible > runs * 0.075, `only ${compatible} pairs were compatible, and the values of the writer's`);
  });

  test('property: every schema is compatible with itself', () => {
    fc.assert(
      fc.property(made, ({ schema }) => assert.deepEqual(accepts(JSON.parse(JSON.stringify(schema)) as Node, schema), [])),
      { numRuns: runs / 2 },
    );
  });

  const json = (schema: z.ZodType): Node => z.toJSONSchema(schema, { io: 'input' }) as Node;
  const said = (reader: z.ZodType, writer: z.ZodType): readonly string[] =>
    accepts(json(reader), json(writer)).map(
      ({ path, rule, severity, needs, may }: Mismatch) => `${path} ${rule} ${severity}: ${needs}; ${may}`,
    );
  const Item = z.object({ id: z.string(), quantity: z.int().min(1) });

  const same: readonly (readonly [string, z.ZodType, z.ZodType])[] = [
    ['a new optional field', Item.extend({ note: z.string().optional() }), Item],
    ['a new field with a default', Item.extend({ note: z.string().default('') }), Item],
    ['a field that is not read any more', Item, Item.extend({ note: z.string() })],
    ['wider bounds', z.object({ n: z.number().min(0) }), z.object({ n: z.int().min(1) })],
    ['one more value', z.enum(['a', 'b', 'c']), z.enum(['a', 'b'])],
    ['one more alternative', z.union([z.string(), z.int(), Item]), z.union([z.string(), Item])],
    ['null allowed', z.object({ a: z.string().nullable() }), z.object({ a: z.string() })],
    [
      'one more kind',
      z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal('b') })]),
      z.discriminatedUnion('k', [z.object({ k: z.literal('a') })]),
    ],
  ];
  for (const [name, reader, writer] of same) test(`${name} is compatible`, () => assert.deepEqual(said(reader, writer), []));

  const Tree = z.object({
    name: z.string(),
    get parts() {
      return z.array(Tree);
    },
  });
  const Bounded = z.object({
    name: z.string().max(3),
    get parts() {
      return z.array(Bounded);
    },
  });
  test('the comparison of a recursive schema ends', () => {
    assert.deepEqual(said(Tree, Bounded), []);
    assert.deepEqual(said(Bounded, Tree), ['.name maximum size breaking: must have at most 3 characters; may have more']);
  });

  test('the comparison of a recursive schema with any schema ends', () => {
    assert.deepEqual(accepts({ items: { $ref: '#' } }, true), []);
    assert.deepEqual(accepts({ minItems: 1, items: { $ref: '#' } }, true).length, 1);
  });

  test('each of several allOf schemas describes only its own fields', () => {
    const fields = (properties: Readonly<Record<string, Node>>): Node => ({ type: 'object', properties });
    const writer: Node = { allOf: [fields({ a: { type: 'string' } }), fields({ b: { type: 'integer' } })] };
    assert.deepEqual(accepts(fields({ a: { type: 'string' }, b: { type: 'number' } }), writer), []);
    assert.deepEqual(
      accepts(fields({ a: { type: 'string' }, b: { type: 'string' } }), writer).map(({ path, severity }) => `${path} ${severity}`),
      ['.b breaking'],
    );
  });

  test('oneOf with the same form twice accepts nothing', () => {
    const one: Node = { type: 'string' };
    assert.deepEqual(
      accepts({ oneOf: [one, one] }, one).map(({ severity }) => severity),
      ['undecided'],
    );
    assert.deepEqual(accepts({ oneOf: [one, { type: 'integer' }] }, one), []);
  });

  test('none of several allOf schemas must say that the value is an object', () => {
    const object: Node = { type: 'object' };
    assert.deepEqual(
      accepts(object, { allOf: [{}] }).map(({ severity }) => severity),
      ['breaking'],
    );
    assert.deepEqual(accepts(object, { allOf: [{}, object] }), []);
    assert.deepEqual(accepts({ required: ['a'] }, { allOf: [{ required: ['a'] }, { properties: { b: { type: 'string' } } }] }), []);
  });

  const not: readonly (readonly [string, z.ZodType, z.ZodType, readonly string[]])[] = [
    ['a new field', Item.extend({ note: z.string() }), Item, ['.note required breaking: must be there; may be missing']],
    ['another type', z.object({ n: z.string() }), z.object({ n: z.int() }), ['.n type breaking: must be a string; may be an integer']],
    ['a value less', z.array(z.enum(['a', 'b'])), z.array(z.enum(['a', 'b', 'c'])), ['[] values breaking: must be "a", "b"; may be "c"']],
    ['a higher least', z.int().min(2), z.int().min(1), [' minimum breaking: must be at least 2; may be 1']],
    ['a pattern', z.string().regex(/^a/), z.string(), [' pattern breaking: must match ^a; may be any text']],
    ['another pattern', z.string().regex(/^a/), z.string().regex(/^ab/), [' pattern undecided: must match ^a; is bound by ^ab']],
    [
      'null not allowed',
      z.object({ a: z.string() }),
      z.object({ a: z.string().nullable() }),
      ['.a values breaking: must be a string; may be null'],
    ],
    [
      'a strict reader',
      z.strictObject({ a: z.string() }),
      z.object({ a: z.string(), b: z.string() }),
      ['.b unknown field breaking: must not be there; may be there'],
    ],
    [
      'a field of one kind',
      z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal('b'), n: z.int() })]),
      z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal('b') })]),
      ['.n required breaking: must be there; may be missing'],
    ],
    [
      'a map of something else',
      z.record(z.string(), z.int()),
      z.record(z.string(), z.string()),
      ['.* type breaking: must be an integer; may be a string'],
    ],
  ];
  for (const [name, reader, writer, findings] of not) test(`${name} is not`, () => assert.deepEqual(said(reader, writer), findings));
});
