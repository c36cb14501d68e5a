import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { command, contract, event, type Members, query } from '../contract/contract.ts';
import { problemOf } from '../contract/problem.ts';
import { runtime } from '../core/runtime.ts';
import { failedReply } from '../http/reply.ts';
import { httpServer } from '../http/server.ts';
import { accept } from '../service/answer.ts';
import { operationRoutes } from '../service/transports/http.ts';
import { asyncapi } from './asyncapi.ts';
import type { Doc } from './document.ts';
import { at, judgeAsyncApi, judgeOpenApi, resolve, schemaAt } from './judge.fixture.ts';

const scalar = fc.constantFrom<z.ZodType>(
  z.string(),
  z.string().min(2).max(5),
  z.int().min(-3).max(9),
  z.number(),
  z.boolean(),
  z.enum(['a', 'b/c']),
  z.literal(3),
);
const optional = (of: fc.Arbitrary<z.ZodType>): fc.Arbitrary<z.ZodType> =>
  fc.tuple(of, fc.boolean()).map(([type, may]) => (may ? type.optional() : type));
const Named1 = z.object({ n: z.int().default(3), t: z.tuple([z.string(), z.boolean()]) }).meta({ id: 'Named' });
const Node = z.object({
  v: z.string(),
  get next() {
    return Node.optional();
  },
});
const deep = fc.constantFrom<z.ZodType>(
  Named1,
  Node,
  z.record(z.string(), z.int()),
  z.array(Named1),
  z.union([z.string(), z.object({ a: z.literal(1) })]),
  z.unknown(),
  z.null(),
);
const word = fc.constantFrom('id', 'name', 'q', 'a1', 'b2', 'Problem');
const fields = (of: fc.Arbitrary<z.ZodType>, size: number) => fc.dictionary(word, of, { maxKeys: size, noNullPrototype: true });

const operationOf = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE'),
    inPath: fields(scalar, 2),
    flat: fields(
      optional(
        fc.oneof(
          scalar,
          scalar.map((type) => z.array(type)),
        ),
      ),
      3,
    ),
    nested: fields(optional(fc.oneof(scalar, deep)), 3),
    output: fc.option(fields(fc.oneof(scalar, deep), 2)),
    status: fc.option(fc.constantFrom(200, 201, 202)),
    errors: fc.dictionary(
      fc.constantFrom('No', 'Gone', 'NotFound'),
      fc.record({ status: fc.constantFrom(404, 409, 422, 503), data: deep }),
      { maxKeys: 2, noNullPrototype: true },
    ),
    literal: fc.constantFrom('/x', '/x/y', '/z'),
  })
  .map(({ method, inPath, flat, nested, output, status, errors, literal }) => {
    const http = `${method} ${literal}${Object.keys(inPath)
      .map((name) => `/{${name}}`)
      .join('')}`;
    const input = z.object({ ...(['GET', 'DELETE'].includes(method) ? flat : nested), ...inPath });
    const spec = { http, input, errors, ...(output && { output: z.object(output) }), ...(status !== null && { status }) };
    if (method === 'GET') return query({ ...spec, output: z.object(output ?? {}) } as never);
    return command(spec as never);
  });
const eventOf = fields(fc.oneof(scalar, deep), 3).map((data) =>
  event({ key: 'key' as never, data: z.object({ ...data, key: z.string() }) }),
);

/** Contracts as the toolkit accepts them: of operations that match the same requests the first one stays. */
const contractOf = fc.tuple(fc.array(operationOf, { maxLength: 4 }), fc.array(eventOf, { maxLength: 2 })).map(([operations, events]) => {
  const shapes = new Set<string>();
  const kept = operations.filter(({ http }) => {
    const shape = http.replaceAll(/\{[^}]+\}/g, '{}');
    return !shapes.has(shape) && shapes.add(shape);
  });
  const members = Object.fromEntries([
    ...kept.map((one, index) => [`op${index}`, one]),
    ...events.map((one, index) => [`happened${index}`, one]),
  ]);
  return contract('any', members as Members);
});

/** Values that a documented schema allows. */
function valuesOf(doc: Doc, schema: Doc, depth = 0): fc.Arbitrary<unknown> {
  const { $ref, anyOf, type, not } = schema as { $ref?: string; anyOf?: Doc[]; type?: string; not?: Doc };
  if ($ref !== undefined) return valuesOf(doc, resolve(doc, $ref), depth);
  if (anyOf) return fc.oneof(...anyOf.map((one) => valuesOf(doc, one, depth)));
  if ('const' in schema) return fc.constant(schema['const']);
  if ('enum' in schema) return fc.constantFrom(...(schema['enum'] as unknown[]));
  const {
    minLength = 0,
    maxLength,
    minimum,
    maximum,
    items,
    prefixItems,
    properties = {},
    required = [],
  } = schema as {
    minLength?: number;
    maxLength?: number;
    minimum?: number;
    maximum?: number;
    items?: Doc | false;
    prefixItems?: Doc[];
    properties?: Record<string, Doc>;
    required?: string[];
  };
  const forbidden = (not?.['enum'] ?? []) as unknown[];
  if (type === 'string')
    return fc
      .string({ unit: 'grapheme', minLength, ...(maxLength !== undefined && { maxLength }), size: 'small' })
      .filter((text) => !forbidden.includes(text) && text.length <= (maxLength ?? 1000));
  if (type === 'integer') return fc.integer({ min: Math.max(minimum ?? -1e6, -1e6), max: Math.min(maximum ?? 1e6, 1e6) });
  if (type === 'number') return fc.double({ noNaN: true, noDefaultInfinity: true });
  if (type === 'boolean') return fc.boolean();
  if (type === 'null') return fc.constant(null);
  if (prefixItems) return fc.tuple(...prefixItems.map((one) => valuesOf(doc, one, depth)));
  if (type === 'array') return fc.array(valuesOf(doc, items || {}, depth + 1), { maxLength: 2 });
  if (type === 'object') {
    const own = Object.entries(properties).filter(([name]) => required.includes(name) || depth < 3);
    return fc.record(Object.fromEntries(own.map(([name, one]) => [name, valuesOf(doc, one, depth + 1)])), {
      requiredKeys: required,
      noNullPrototype: true,
    });
  }
  return fc.constantFrom('anything', 7, null);
}

interface Example {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly success: string;
}

/** A request as a reader of the document alone would make it. */
function exampleOf(doc: Doc, method: string, template: string, operation: Doc): fc.Arbitrary<Example> {
  const parameters = (operation['parameters'] as Doc[]).map((one) => (typeof one['$ref'] === 'string' ? resolve(doc, one['$ref']) : one));
  const given = fc.tuple(
    ...parameters.map((one) => {
      const value =
        one['name'] === 'Idempotency-Key'
          ? fc.stringMatching(/^[!-~]{1,255}$/)
          : one['name'] === 'Seaworthy-Deadline-Ms'
            ? fc.integer({ min: 0, max: 86_400_000 })
            : valuesOf(doc, one['schema'] as Doc);
      return one['required'] === true ? value : fc.option(value, { nil: undefined });
    }),
  );
  const body = operation['requestBody'] as { required?: boolean; content: { 'application/json': { schema: Doc } } } | undefined;
  const bodies = body ? valuesOf(doc, body.content['application/json'].schema) : fc.constant(undefined);
  return fc.tuple(given, body && !body.required ? fc.option(bodies, { nil: undefined }) : bodies).map(([values, sent]) => {
    let path = template;
    const search = new URLSearchParams();
    const headers: Record<string, string> = {};
    parameters.forEach(({ name, in: place }, index) => {
      const value = values[index];
      if (value === undefined) return;
      if (place === 'path') path = path.replaceAll(`{${name}}`, () => encodeURIComponent(String(value)));
      else if (place === 'query') for (const one of [value].flat()) search.append(name as string, String(one));
      else headers[name as string] = String(value);
    });
    const success = Object.keys(operation['responses'] as Doc)[0] as string;
    return { method, path: search.size > 0 ? `${path}?${search}` : path, body: sent, headers, success };
  });
}

test('property: any contract has valid documents, and its service understands requests that follow them', async () => {
  let asked = 0;
  await fc.assert(
    fc.asyncProperty(contractOf, fc.gen(), async (any, gen) => {
      const doc = await judgeOpenApi(any);
      judgeAsyncApi(any);
      const events = asyncapi(any);
      for (const name of Object.keys(at(events, 'components', 'messages')))
        schemaAt(events, `#/components/messages/${name}/payload/schema`);
      const inner = runtime();
      const endpoint = {
        handle: async ({ operation, input }: { operation: unknown; input: unknown }) => {
          try {
            await accept(operation as never, input);
            return { kind: 'output', output: undefined } as const;
          } catch (error) {
            return { kind: 'problem', problem: problemOf(error as never) } as const;
          }
        },
      };
      const routes = operationRoutes(any, endpoint as never, inner);
      const server = await httpServer({ routes, failed: (error) => failedReply(inner, error) });
      try {
        for (const [template, operations] of Object.entries(at(doc, 'paths')))
          for (const [method, operation] of Object.entries(operations as Doc)) {
            const { path, body, headers, success } = gen(exampleOf, doc, method, template, operation as Doc);
            const answer = await fetch(`${server.url}${path}`, {
              method: method.toUpperCase(),
              headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
              ...(body !== undefined && { body: JSON.stringify(body) }),
            });
            assert.equal(String(answer.status), success, `${method} ${path} ${JSON.stringify(body)}: ${await answer.text()}`);
            asked++;
          }
      } finally {
        await server.close();
      }
    }),
    { numRuns: 40 },
  );
  assert.ok(asked > 40, `only ${asked} requests were made`);
});
