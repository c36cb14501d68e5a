import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { command, contract, event, type Members, query } from './contract.ts';
import { ContractInvalid } from './verify.ts';

const Ref = z.object({ id: z.string() });

describe('contract() refuses what cannot be put on the wire, with its place', () => {
  const wrong: readonly [string, () => Members, RegExp][] = [
    [
      'a date',
      () => ({ a: command({ http: 'POST /a', input: z.object({ when: z.date() }) }) }),
      /x\.a\.input cannot be put on the wire as JSON/,
    ],
    [
      'a bigint',
      () => ({ a: query({ http: 'GET /a', input: z.object({}), output: z.object({ n: z.bigint() }) }) }),
      /x\.a\.output cannot be put/,
    ],
    [
      'a map in an event',
      () => ({ a: event({ key: 'id', data: z.object({ id: z.string(), m: z.map(z.string(), z.string()) }) }) }),
      /x\.a\.data cannot be put/,
    ],
    [
      'a transformed output',
      () => ({ a: query({ http: 'GET /a', input: z.object({}), output: z.object({ n: z.string().transform(Number) }) }) }),
      /x\.a\.output cannot be put/,
    ],
    [
      'a schema that gives no JSON Schema',
      () => ({
        a: command({
          http: 'POST /a',
          input: { '~standard': { version: 1, vendor: 'v', validate: (value: unknown) => ({ value }) } } as never,
        }),
      }),
      /x\.a\.input is not a Standard Schema/,
    ],
    [
      'an input that is not an object',
      () => ({ a: command({ http: 'POST /a', input: z.array(z.string()) as never }) }),
      /x\.a\.input is not an object/,
    ],
    [
      'an unknown path field',
      () => ({ a: command({ http: 'POST /a/{no}' as never, input: Ref }) }),
      /x\.a\.http names \{no\}, which the input lacks/,
    ],
    [
      'an object in the path',
      () => ({ a: command({ http: 'POST /a/{id}', input: z.object({ id: z.object({}) }) }) }),
      /x\.a\.input\.id is in the path/,
    ],
    [
      'an object in a query string',
      () => ({ a: query({ http: 'GET /a', input: z.object({ o: z.object({}) }), output: Ref }) }),
      /x\.a\.input\.o would travel in the query string of a GET/,
    ],
    [
      'a text or number in a path',
      () => ({ a: query({ http: 'GET /a/{id}', input: z.object({ id: z.union([z.string(), z.int()]) }), output: Ref }) }),
      /x\.a\.input\.id is in the path, and cannot be both a string and a number/,
    ],
    [
      'a list of texts or booleans in a query string',
      () => ({ a: query({ http: 'GET /a', input: z.object({ l: z.array(z.enum(['x']).or(z.boolean())) }), output: Ref }) }),
      /x\.a\.input\.l would travel in the query string of a GET, and cannot be both/,
    ],
    [
      'anything at all in a query string',
      () => ({ a: query({ http: 'GET /a', input: z.looseObject({ id: z.string() }), output: Ref }) }),
      /x\.a\.input would travel in the query string of a GET, and can only have fields that it names/,
    ],
    [
      'an unknown in a query string',
      () => ({ a: query({ http: 'GET /a', input: z.object({ u: z.unknown() }), output: Ref }) }),
      /x\.a\.input\.u would travel in the query string/,
    ],
    [
      'an output that its validation changes',
      () => ({
        a: query({
          http: 'GET /a',
          input: z.object({}),
          output: z.object({ n: z.codec(z.string(), z.number(), { decode: Number, encode: String }) }),
        }),
      }),
      /x\.a\.output is changed by its validation/,
    ],
    ...(
      [
        ['a field', z.object({ flag: z.stringbool() })],
        ['a field with the name of a keyword', z.object({ required: z.stringbool() })],
        ['another such field', z.object({ default: z.stringbool() })],
        ['the values of a record', z.object({ flags: z.record(z.string(), z.stringbool()) })],
        [
          'a field in the values of a record',
          z.object({ flags: z.record(z.string(), z.object({ additionalProperties: z.stringbool() })) }),
        ],
        ['an additional field of an object', z.object({ id: z.string() }).catchall(z.stringbool())],
        ['an element', z.object({ list: z.array(z.tuple([z.string(), z.stringbool()])) })],
        ['an alternative', z.object({ either: z.union([z.int(), z.stringbool()]) })],
        ['both of an intersection', z.object({ both: z.intersection(z.object({ a: z.int() }), z.object({ b: z.stringbool() })) })],
      ] as const
    ).map(([what, output]): (typeof wrong)[number] => [
      `${what} of an output that its validation changes`,
      () => ({ a: query({ http: 'GET /a', input: z.object({}), output: output as z.ZodType }) }),
      /x\.a\.output is changed by its validation/,
    ]),
    ...(
      [
        ['a file', z.file()],
        ['a file among others', z.array(z.file().max(10))],
        ['a file that may be left out', z.file().optional()],
        ['files by name', z.record(z.string(), z.file())],
        ['a picture', z.file().mime(['image/png', 'image/webp'])],
        ['bytes', z.instanceof(Uint8Array)],
        ['a set', z.set(z.string())],
        ['NaN', z.nan()],
        ['a symbol', z.symbol()],
        ['nothing', z.undefined()],
      ] as const
    ).flatMap(([what, field]): (typeof wrong)[number][] => [
      [
        `${what} in an input`,
        () => ({ a: command({ http: 'POST /a', input: z.object({ field }) }) }),
        /x\.a\.input cannot be put on the wire as JSON/,
      ],
      [
        `${what} in an output`,
        () => ({ a: query({ http: 'GET /a', input: z.object({}), output: z.object({ in: z.object({ field }) }) }) }),
        /x\.a\.output cannot be put on the wire as JSON/,
      ],
      [
        `${what} in an event`,
        () => ({ a: event({ key: 'id', data: Ref.extend({ field }) }) }),
        /x\.a\.data cannot be put on the wire as JSON/,
      ],
      [
        `${what} in an error`,
        () => ({ a: command({ http: 'POST /a', input: Ref, errors: { No: { status: 409, data: z.object({ field }) } } }) }),
        /x\.a\.errors\.No\.data cannot be put on the wire as JSON/,
      ],
    ]),
    [
      'a field of the path that may be left out',
      () => ({ a: command({ http: 'DELETE /a/{id}', input: z.object({ id: z.string().optional() }) }) }),
      /x\.a\.input\.id is in the path, and cannot be left out/,
    ],
    [
      'a field of the path with a default',
      () => ({ a: command({ http: 'DELETE /a/{id}', input: z.object({ id: z.string().default('all') }) }) }),
      /x\.a\.input\.id is in the path, and cannot be left out/,
    ],
    [
      'a field of the path that may be null',
      () => ({ a: command({ http: 'DELETE /a/{id}', input: z.object({ id: z.string().nullable() }) }) }),
      /x\.a\.input\.id is in the path, and can only be/,
    ],
    ['a field twice in a path', () => ({ a: command({ http: 'DELETE /a/{id}/{id}', input: Ref }) }), /x\.a\.http names \{id\} twice/],
    ...[204, 205].map((status): (typeof wrong)[number] => [
      `an output under the status ${status}`,
      () => ({ a: command({ http: 'POST /a', input: Ref, output: Ref, status }) }),
      /x\.a\.status is 20[45], which has no body/,
    ]),
    ...[100, 304, 199, 200.5].map((status): (typeof wrong)[number] => [
      `the status ${status}`,
      () => ({ a: command({ http: 'POST /a', input: Ref, status }) }),
      /x\.a\.status is \d+(\.5)?: choose one from 200 to 299/,
    ]),
    ...(
      [
        ['a field that the output lacks', z.object({ other: z.string() }), '/a/{id}', /names \{id\}, which the output lacks/],
        ['a field without an output', undefined, '/a/{id}', /names \{id\}, which the output lacks/],
        [
          'a field of one alternative',
          z.union([Ref, z.object({ no: z.string() })]),
          '/a/{id}',
          /names \{id\}, which an output may leave out/,
        ],
        ['a field that may be left out', z.object({ id: z.string().optional() }), '/a/{id}', /names \{id\}, which an output may leave out/],
        ['a field that may be null', z.object({ id: z.string().nullable() }), '/a/{id}', /names \{id\}, which is not always a string/],
        ['an object', z.object({ id: Ref }), '/a/{id}', /names \{id\}, which is not always a string/],
        ['a list', z.object({ id: z.array(z.string()) }), '/a/{id}', /names \{id\}, which is not always a string/],
        ['a text that is not a path', Ref, 'a/{id}', /is "a\/\{id\}": write a path/],
        ['a text that a header cannot carry', Ref, '/ä/{id}\r\n', /.*: write a path/],
        ['another host', Ref, '//a/{id}', /.*: write a path/],
        ['a brace', Ref, '/a/{id', /.*: write a path/],
      ] as const
    ).map(([what, output, location, says]): (typeof wrong)[number] => [
      `a location of ${what}`,
      () => ({ a: command({ http: 'POST /a', input: Ref, output: output as z.ZodType, location }) }),
      new RegExp(`x\\.a\\.location ${says.source}`),
    ]),
    [
      'an event key that may be left out',
      () => ({ a: event({ key: 'id', data: z.object({ id: z.string().optional() }) }) }),
      /x\.a\.key is "id", which is not a field of type string that its data always have/,
    ],
    ['a malformed path', () => ({ a: command({ http: 'POST a' as never, input: Ref }) }), /x\.a\.http is "POST a": write one of/],
    ['a command by GET', () => ({ a: command({ http: 'GET /a', input: Ref }) }), /x\.a\.http is a GET, which must not change anything/],
    [
      'two operations of one path',
      () => ({
        a: command({ http: 'POST /a/{id}', input: Ref }),
        b: command({ http: 'POST /a/{name}', input: z.object({ name: z.string() }) }),
      }),
      /x\.b\.http matches the same requests as a/,
    ],
    [
      'an error that is a success',
      () => ({ a: command({ http: 'POST /a', input: Ref, errors: { Odd: { status: 200 } } }) }),
      /x\.a\.errors\.Odd has the status 200/,
    ],
    [
      'an event key that is not a string',
      () => ({ a: event({ key: 'n', data: z.object({ n: z.int() }) }) }),
      /x\.a\.key is "n", which is not a field of type string/,
    ],
    ['a bad notAfter', () => ({ a: event({ key: 'id', data: Ref, notAfter: '5' as never }) }), /x\.a\.notAfter/],
    ['a bad member name', () => ({ 'no-name': command({ http: 'POST /a', input: Ref }) }), /x\.no-name is not a camelCase name/],
  ];
  test('a schema without JSON Schema, such as one with a date, is reported once and not checked further', () => {
    const input = z.object({ id: z.string(), when: z.date() });
    const data = z.object({ when: z.date() });
    const rule =
      'cannot be put on the wire as JSON (Date cannot be represented in JSON Schema): use what JSON has, such as a string for a date';
    const members = {
      a: command({ http: 'POST /a/{id}', input, output: data, errors: { Odd: { status: 409, data } } }),
      b: query({ http: 'GET /b/{when}', input, output: Ref }),
      c: event({ key: 'id', data: input }),
      d: command({ http: 'POST /d/{length}', input: z.string() }),
    };
    assert.throws(() => contract('x', members), {
      message: [
        ...['a.input', 'a.output', 'a.errors.Odd.data', 'b.input', 'c.data'].map((place) => `x.${place} ${rule}`),
        'x.d.input is not an object: the input of an operation has named fields',
      ].join('; '),
    });
  });
  for (const [what, members, says] of wrong) {
    test(what, () => {
      assert.throws(
        () => contract('x', members()),
        (error: unknown) => error instanceof ContractInvalid && says.test(error.message),
      );
    });
  }
  test('all broken rules are reported at once', () => {
    const members = {
      a: command({ http: 'GET /a', input: z.object({ d: z.date() }) }),
      b: event({ key: 'n', data: z.object({ n: z.int() }) }),
    };
    assert.throws(() => contract('X', members), /the name "X".*x?\.a\.input.*\.a\.http.*\.b\.key/s);
  });
});

for (const http of [
  'GET /metrics',
  'POST /metrics',
  'DELETE /health',
  'GET /health/live',
  'PUT /health/a/b',
  'GET /health/{which}',
] as const)
  test(`${http} is refused, because the path belongs to the toolkit`, () => {
    const input = z.object({ which: z.string() });
    assert.throws(
      () => contract('api', { ask: command({ http: http as 'POST /x', input }) }),
      /api\.ask\.http is .*belong to the toolkit on every port/,
    );
  });

test('a path that resembles one of the toolkit, or could also match one, is accepted: a literal path is preferred', () => {
  const paths = ['GET /healthy', 'GET /a/health', 'GET /metrics/{which}', 'GET /{which}', 'GET /{which}/live'] as const;
  const input = z.object({ which: z.string() });
  for (const http of paths)
    assert.doesNotThrow(() => contract('api', { ask: query({ http: http as 'GET /x', input, output: z.object({}) }) }), http);
});

test('a path with a parameter named twice or with dot segments is refused', () => {
  const ask = (http: string): unknown =>
    contract('api', { ask: query({ http: http as 'GET /x', input: z.object({ id: z.string() }), output: z.object({}) }) });
  assert.throws(() => ask('GET /a/{id}/b/{id}'), /names \{id\} twice/);
  for (const path of ['/..', '/a/./{id}', '/a/../b']) assert.throws(() => ask(`GET ${path}`), /take \. and \.\. out of a path/);
});
