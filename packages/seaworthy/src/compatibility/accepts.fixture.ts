import fc from 'fast-check';
import type { Keywords, Node } from '../contract/json-schema.ts';

type Json = fc.JsonValue;
/** A schema with values to try. */
export interface GeneratedSchema {
  readonly schema: Node;
  /** The values that the schema is likely to accept. */
  readonly value: fc.Arbitrary<Json>;
}

const names = ['a', 'b', 'k'] as const;
const small = fc.integer({ min: -3, max: 6 });
const words = fc.string({ maxLength: 4 });
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
export const tidy = (node: object): Keywords => JSON.parse(JSON.stringify(node)) as Keywords;

const texts: fc.Arbitrary<GeneratedSchema> = fc
  .record({ minLength: optional(fc.nat(3)), maxLength: optional(fc.nat(5)), pattern: optional(fc.constantFrom('^a', 'b')) })
  .map((limits) => ({ schema: tidy({ type: 'string', ...limits }), value: fc.oneof(words, fc.constantFrom('a', 'ab', 'abb', '')) }));

const numbers: fc.Arbitrary<GeneratedSchema> = fc
  .record({
    type: fc.constantFrom('integer', 'number'),
    minimum: optional(small),
    maximum: optional(small),
    exclusiveMinimum: optional(small),
    exclusiveMaximum: optional(small),
    multipleOf: optional(fc.constantFrom(1, 2, 4)),
  })
  .map((node) => ({
    schema: tidy(node),
    value: fc.oneof(
      small,
      small.map((n) => n + 0.5),
    ),
  }));

const plain: fc.Arbitrary<GeneratedSchema> = fc.oneof(
  fc.constantFrom<GeneratedSchema>(
    { schema: { type: 'boolean' }, value: fc.boolean() },
    { schema: { type: 'null' }, value: fc.constant(null) },
    { schema: {}, value: fc.oneof(small, words, fc.boolean()) },
    { schema: { type: ['string', 'integer'] }, value: fc.oneof(small, words) },
  ),
  fc.subarray(['x', 'y', 1, true, null], { minLength: 1 }).map((all) => ({ schema: { enum: all }, value: fc.constantFrom(...all) })),
  fc.constantFrom('x', 'y', 2).map((one) => ({ schema: { const: one }, value: fc.constant(one) })),
);

function objects(inner: fc.Arbitrary<GeneratedSchema>): fc.Arbitrary<GeneratedSchema> {
  return fc
    .record({
      fields: fc.dictionary(fc.constantFrom(...names), inner, { maxKeys: 3 }),
      required: fc.subarray([...names]),
      extra: fc.constantFrom<'none' | 'closed' | 'any'>('none', 'none', 'closed', 'any'),
      minProperties: optional(fc.nat(2)),
    })
    .map(({ fields, required, extra, minProperties }) => {
      const entries = Object.entries(fields);
      const schema = tidy({
        type: 'object',
        properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
        required: required.filter((name) => Object.hasOwn(fields, name)),
        ...(extra !== 'none' && { additionalProperties: extra === 'any' }),
        minProperties,
      });
      const value = fc.record(Object.fromEntries(entries.map(([name, one]) => [name, one.value])), { requiredKeys: [] });
      const more = extra === 'any' ? fc.dictionary(fc.constantFrom(...names, 'z'), small) : fc.constant({});
      return { schema, value: fc.tuple(more, value).map(([rest, known]) => ({ ...rest, ...known }) as Json) };
    });
}

const lists = (inner: fc.Arbitrary<GeneratedSchema>): fc.Arbitrary<GeneratedSchema> =>
  fc
    .record({
      items: inner,
      minItems: optional(fc.nat(2)),
      maxItems: optional(fc.nat(3)),
      uniqueItems: optional(fc.boolean()),
      first: optional(inner),
    })
    .map(({ items, first, ...limits }) => ({
      schema: tidy({ type: 'array', ...limits, items: items.schema, ...(first && { prefixItems: [first.schema] }) }),
      value: fc
        .tuple(first ? first.value : items.value, fc.array(items.value, { maxLength: 3 }), fc.boolean())
        .map(([head, tail, empty]) => (empty ? [] : [head, ...tail])),
    }));

const several = (inner: fc.Arbitrary<GeneratedSchema>): fc.Arbitrary<GeneratedSchema> =>
  fc
    .tuple(fc.constantFrom('anyOf', 'oneOf', 'allOf'), fc.array(inner, { minLength: 1, maxLength: 3 }))
    .map(([name, all]) => ({ schema: { [name]: all.map(({ schema }) => schema) }, value: fc.oneof(...all.map(({ value }) => value)) }));

const odd = (inner: fc.Arbitrary<GeneratedSchema>): fc.Arbitrary<GeneratedSchema> =>
  fc.tuple(inner, inner, fc.constantFrom('not', 'contains', 'patternProperties')).map(([one, other, name]): GeneratedSchema => {
    if (name !== 'patternProperties') return { schema: { [name]: other.schema }, value: one.value };
    return {
      schema: { [name]: { '^a': other.schema } },
      value: fc.record({ a: other.value, ab: other.value }, { requiredKeys: [], noNullPrototype: true }),
    };
  });

/** Generates schemas of all kinds. */
export const made: fc.Arbitrary<GeneratedSchema> = fc.letrec<{ node: GeneratedSchema }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    plain,
    texts,
    numbers,
    objects(tie('node')),
    objects(tie('node')),
    lists(tie('node')),
    several(tie('node')),
    odd(tie('node')),
  ),
})).node;

/** Changes one thing in a schema, as the next version of a contract might. */
function changed(node: Node, choices: readonly number[], other: Node): Node {
  const [choice = 0, ...rest] = choices;
  if (typeof node === 'boolean' || choice % 8 === 0) return other;
  const keys = Object.keys(node);
  const key = keys[choice % Math.max(1, keys.length)];
  const value = (node as Record<string, unknown>)[key ?? ''];
  if (key === undefined) return other;
  if (choice % 8 === 1) return Object.fromEntries(Object.entries(node).filter(([name]) => name !== key));
  if (typeof value === 'number')
    return { ...node, [key]: Math.max(key === 'multipleOf' ? 1 : /[LIP]/.test(key) ? 0 : -9, value + (choice % 5) - 2) };
  if (key === 'required') return { ...node, required: names.filter((_, index) => (choice >> index) % 2 === 1) };
  if (key === 'items' || key === 'additionalProperties' || key === 'not') return { ...node, [key]: changed(value as Node, rest, other) };
  if (key === 'properties') {
    const name = names[choice % 3] as string;
    const fields = value as Record<string, Node>;
    return { ...node, properties: { ...fields, [name]: changed(fields[name] ?? {}, rest, other) } };
  }
  if (Array.isArray(value) && key.endsWith('Of'))
    return {
      ...node,
      [key]: value.map((one, index) => (index === choice % value.length ? changed(one as Node, rest, other) : (one as Node))),
    };
  return { ...node, ...(typeof other === 'object' && { [key]: (other as Record<string, unknown>)[key] ?? value }) };
}

/** Generates schemas with a possible next version. */
export const versions = fc
  .record({ before: made, other: made, choices: fc.array(fc.nat(1000), { minLength: 1, maxLength: 5 }), independent: fc.nat(9) })
  .map(({ before, other, choices, independent }) => ({
    before,
    after: independent === 0 ? other.schema : changed(before.schema, choices, other.schema),
  }));
