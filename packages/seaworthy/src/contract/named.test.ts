import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { type Bound, command, contract, event, type Members, type Operation, query } from './contract.ts';
import type { Keywords } from './json-schema.ts';
import { inputOf, requestOf } from './request.ts';
import type { Schema } from './schema.ts';

/** A schema as any vendor may write it. */
const given = (input: Keywords, output: Keywords = input): Schema<never, never> => ({
  '~standard': {
    version: 1,
    vendor: 'hand',
    validate: (value) => ({ value: value as never }),
    jsonSchema: { input: () => input, output: () => output },
  },
});
const text: Keywords = { type: 'string' };
const Out = z.object({ ok: z.boolean() });
const defined = (node: Keywords, $defs: Readonly<Record<string, Keywords>>): Keywords => ({ ...node, $defs });
const made = (members: Members): Readonly<Record<string, Operation & Bound>> => contract('x', members) as never;

describe('a schema has the same meaning by reference, in allOf and as alternatives', () => {
  const objects: readonly (readonly [string, Keywords])[] = [
    ['as it is', { type: 'object', properties: { id: text, n: { type: 'integer' } }, required: ['id', 'n'] }],
    [
      'by reference',
      defined(
        { $ref: '#/$defs/Order' },
        { Order: { type: 'object', properties: { id: text, n: { type: 'integer' } }, required: ['id', 'n'] } },
      ),
    ],
    [
      'by a reference to a reference, with a comment beside it',
      defined(
        { description: 'An order.', $ref: '#/$defs/A' },
        {
          A: { $ref: '#/$defs/B' },
          B: { type: 'object', properties: { id: { $ref: '#/$defs/Id' }, n: { minimum: 1, $ref: '#/$defs/N' } }, required: ['id', 'n'] },
          Id: text,
          N: { type: 'integer' },
        },
      ),
    ],
    [
      'in parts',
      {
        allOf: [
          { type: 'object', properties: { id: text }, required: ['id'] },
          { properties: { n: { allOf: [{ type: 'number' }, { type: 'integer', minimum: 1 }] } }, required: ['n'] },
        ],
      },
    ],
    [
      'as one alternative',
      { anyOf: [{ type: 'object', properties: { id: { oneOf: [text] }, n: { enum: [1, 2, 3] } }, required: ['id', 'n'] }] },
    ],
    [
      'as several alternatives',
      {
        oneOf: [
          { type: 'object', properties: { id: { const: 'a' }, n: { const: 1 } }, required: ['id', 'n'] },
          { type: 'object', properties: { id: { enum: ['b', 'c'] }, n: { type: 'integer' } }, required: ['id', 'n'] },
        ],
      },
    ],
  ];
  for (const [name, input] of objects) {
    test(`an input ${name}`, () => {
      const { byPath, byQuery } = made({
        byPath: command({ http: 'POST /a/{id}' as never, input: given(input) }),
        byQuery: query({ http: 'GET /a' as never, input: given(input), output: Out }),
      });
      const sent = requestOf(byPath as Operation & Bound, { id: 'a', n: 1 });
      assert.deepEqual({ ...sent }, { method: 'POST', path: '/a/a', body: '{"n":1}' });
      assert.deepEqual(inputOf(byQuery as Operation & Bound, { params: {}, query: 'id=5&n=5', body: undefined }), { id: '5', n: 5 });
    });
    test(`an event's data ${name}`, () => {
      assert.doesNotThrow(() => made({ e: event({ key: 'id' as never, data: given(input) }) }));
      assert.throws(() => made({ e: event({ key: 'none' as never, data: given(input) }) }), /x\.e\.key/);
    });
  }

  test('lists in a query string: by reference, their entries too, and of a fixed length', () => {
    const Ids: Keywords = { type: 'array', items: { $ref: '#/$defs/Id' } };
    const properties = {
      ids: { $ref: '#/$defs/Ids' },
      pair: { type: 'array', prefixItems: [{ type: 'integer' }, { const: 7 }], items: false },
    };
    const input = defined({ type: 'object', properties, required: ['ids', 'pair'] } as Keywords, {
      Ids,
      Id: { allOf: [text, { minLength: 1 }] },
    });
    const { q } = made({ q: query({ http: 'GET /a' as never, input: given(input), output: Out }) });
    assert.deepEqual(inputOf(q as Operation & Bound, { params: {}, query: 'ids=1&pair=1&pair=7', body: undefined }), {
      ids: ['1'],
      pair: [1, 7],
    });
  });

  test('a recursive schema is read to its end', () => {
    const Tree = z.object({
      name: z.string(),
      get parts(): z.ZodArray<typeof Tree> {
        return z.array(Tree);
      },
    });
    const { a, b } = made({
      a: command({ http: 'POST /a/{name}', input: Tree, output: Tree }),
      b: command({ http: 'POST /b/{name}', input: Tree.meta({ id: 'Tree' }) }),
    });
    const body = { parts: [{ name: 'twig', parts: [] }] };
    for (const one of [a, b])
      assert.deepEqual(inputOf(one as Operation & Bound, { params: { name: 'tree' }, query: '', body }), { name: 'tree', ...body });
  });
});

describe('a contract refuses, with its place', () => {
  const wrong: readonly (readonly [string, Members, RegExp])[] = [
    [
      'a reference that names nothing',
      { a: command({ http: 'POST /a', input: given({ type: 'object', properties: { o: { $ref: '#/$defs/None' } } }) }) },
      /^x\.a\.input refers to "#\/\$defs\/None", which is not in its JSON Schema: define it in `\$defs`$/,
    ],
    [
      'a reference that comes back to itself',
      {
        a: command({
          http: 'POST /a',
          input: given(defined({ $ref: '#/$defs/A' }, { A: { $ref: '#/$defs/B' }, B: { $ref: '#/$defs/A' } })),
        }),
      },
      /x\.a\.input refers to "#\/\$defs\/B", which is not/,
    ],
    [
      'a reference to another document',
      { e: event({ key: 'id' as never, data: given({ type: 'object', properties: { id: { $ref: 'https://example.com/id.json' } } }) }) },
      /x\.e\.data refers to "https:\/\/example.com\/id.json"/,
    ],
    [
      'a named object in the path',
      { a: command({ http: 'POST /a/{id}', input: z.object({ id: z.object({}).meta({ id: 'Obj' }) }) }) },
      /x\.a\.input\.id is in the path, and can only be/,
    ],
    [
      'a named text or number in a query string',
      { a: query({ http: 'GET /a', input: z.object({ u: z.union([z.string(), z.int()]).meta({ id: 'Either' }) }), output: Out }) },
      /x\.a\.input\.u would travel in the query string of a GET, and cannot be both/,
    ],
    [
      'a text or null in a query string',
      { a: query({ http: 'GET /a', input: z.object({ u: z.string().meta({ id: 'Text' }).nullable() }), output: Out }) },
      /x\.a\.input\.u would travel in the query string of a GET, and can only be/,
    ],
    [
      'a named input that lets all through in a query string',
      { a: query({ http: 'GET /a', input: z.looseObject({}).meta({ id: 'Loose' }), output: Out }) },
      /x\.a\.input would travel in the query string of a GET, and can only have fields that it names/,
    ],
    [
      'an input that is an object or nothing',
      { a: command({ http: 'POST /a', input: z.object({}).nullable() }) },
      /x\.a\.input is not an object/,
    ],
    [
      'a named transformation in an output',
      { a: query({ http: 'GET /a', input: z.object({}), output: z.object({ f: z.stringbool().meta({ id: 'Flag' }) }) }) },
      /x\.a\.output is changed by its validation/,
    ],
    [
      'a field called `default` that is transformed',
      { a: query({ http: 'GET /a', input: z.object({}), output: z.object({ default: z.stringbool(), required: z.stringbool() }) }) },
      /x\.a\.output is changed by its validation/,
    ],
    [
      'values of a record that are transformed',
      { a: query({ http: 'GET /a', input: z.object({}), output: z.object({ r: z.record(z.string(), z.stringbool()) }) }) },
      /x\.a\.output is changed by its validation/,
    ],
    ['a key that may be missing', { e: event({ key: 'id', data: z.object({ id: z.string().optional() }) }) }, /x\.e\.key is "id"/],
  ];
  for (const [name, members, message] of wrong) test(name, () => assert.throws(() => contract('x', members), { message }));

  const named = (schema: z.ZodType): z.ZodType => schema.meta({ id: 'Same' });
  test('two schemas with one name, wherever they are', () => {
    const [one, other] = [named(z.object({ a: z.string() })), named(z.object({ a: z.string().optional() }))];
    const of = (a: z.ZodType, b: z.ZodType): Members => ({
      a: command({ http: 'POST /a', input: z.object({ deep: z.array(a) }), errors: { No: { status: 409, data: z.object({ b }) } } }),
    });
    const rule = 'names a schema "Same", and x.a.input names another one so: give each schema its own id';
    assert.throws(() => contract('x', of(one, other)), { message: `x.a.errors.No.data ${rule}` });
    contract('x', of(one, one));
    // Alike in all they say is the same one, whoever made it.
    contract('x', of(one, named(z.object({ a: z.string() }))));
    assert.throws(
      () => contract('x', { a: command({ http: 'POST /a', input: z.object({ one, other }) }) }),
      /x\.a\.input cannot be put on the wire as JSON \(Duplicate schema id "Same".*\): give each schema an id of its own$/,
    );
  });

  test('a recursive schema has one name wherever it begins', () => {
    const Node = z
      .object({
        get next() {
          return z.array(Other);
        },
      })
      .meta({ id: 'Node' });
    const Other: z.ZodType = z.object({ node: Node });
    assert.doesNotThrow(() =>
      contract('x', {
        a: command({ http: 'POST /a', input: z.object({ other: Other }), output: Node }),
        b: command({ http: 'POST /b', input: z.object({ o: z.object({ other: Other }), node: Node }), output: z.object({ other: Other }) }),
      }),
    );
  });
});
