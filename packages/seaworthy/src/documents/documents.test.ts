import assert from 'node:assert/strict';
import { test } from 'node:test';
import specs from '@asyncapi/specs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { z } from 'zod';
import { envelope } from '../bus/envelope.ts';
import { command, contract, event, type Members, type Named, query } from '../contract/contract.ts';
import { problemOf } from '../contract/problem.ts';
import type { Schema } from '../contract/schema.ts';
import { runtime } from '../core/runtime.ts';
import { aggregate } from '../gateway/aggregate.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { failedReply } from '../http/reply.ts';
import { httpServer } from '../http/server.ts';
import { accept } from '../service/answer.ts';
import { operationRoutes } from '../service/transports/http.ts';
import { asyncapi } from './asyncapi.ts';
import type { Doc } from './document.ts';
import { openapi } from './openapi.ts';
import type { Routed } from './shown.ts';

const ofAsyncApi = new Ajv({ strict: false, validateFormats: false }).compile(specs.schemasWithoutId['3.0.0'] as object);

const ofOpenApi = new Validator();

const at = (doc: unknown, ...path: readonly string[]): Doc =>
  path.reduce((node, key) => (node as Record<string, unknown>)?.[key], doc) as Doc;

/** What a reference leads to, within its document. */
const resolve = (doc: unknown, ref: string): Doc =>
  at(
    doc,
    ...ref
      .slice(2)
      .split('/')
      .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')),
  );

function refsOf(node: unknown): readonly string[] {
  if (Array.isArray(node)) return node.flatMap(refsOf);
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => (key === '$ref' && typeof value === 'string' ? [value] : refsOf(value)));
}

/** Compiles schemas of a document with all that they refer to. */
function schemasAt(doc: object, refs: readonly string[]) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema({ $id: 'doc', ...doc });
  return refs.map((ref) => ajv.compile({ $ref: `doc${ref}` }));
}
const schemaAt = (doc: object, ref: string) => schemasAt(doc, [ref])[0] as ValidateFunction;

async function judgeOpenApi(of: Named | Routed): Promise<Doc> {
  const doc = openapi(of);
  const { valid, errors } = await ofOpenApi.validate(structuredClone(doc) as never);
  assert.ok(valid, JSON.stringify(errors));
  for (const ref of refsOf(doc)) assert.ok(resolve(doc, ref), `${ref} leads nowhere`);
  schemasAt(
    doc,
    Object.keys(at(doc, 'components', 'schemas')).map((name) => `#/components/schemas/${name}`),
  );
  return doc as unknown as Doc;
}

function judgeAsyncApi(contracts: Named | readonly Named[]): Doc {
  const doc = asyncapi(contracts);
  assert.ok(ofAsyncApi(doc), JSON.stringify(ofAsyncApi.errors));
  for (const ref of refsOf(doc)) assert.ok(resolve(doc, ref), `${ref} leads nowhere`);
  return doc as unknown as Doc;
}

const Item = z.object({ sku: z.string(), quantity: z.int().default(1) }).meta({ id: 'Item' });
const Order = z.object({ id: z.string(), items: z.array(Item) });
const NotFound = { NotFound: { status: 404 } } as const;

const shop = contract('shop', {
  place: command({
    http: 'POST /orders',
    input: z.object({ items: z.array(Item) }),
    output: Order,
    status: 202,
    location: '/orders/{id}',
    errors: { Sold: { status: 409, data: z.object({ sku: z.string() }) }, Closed: { status: 503 } },
  }),
  order: query({ http: 'GET /orders/{id}', input: z.object({ id: z.string() }), output: Order, errors: NotFound }),
  amend: command({ http: 'PUT /orders/{orderId}', input: z.object({ orderId: z.string(), note: z.string().optional() }) }),
  drop: command({ http: 'DELETE /orders/{id}', input: z.object({ id: z.string(), why: z.array(z.string()), by: z.enum(['me', 'you']) }) }),
  placed: event({ key: 'id', data: Order, notAfter: '5m' }),
});

test('an operation is described as the wire has it: path, query string, body, headers, answers', async () => {
  const doc = await judgeOpenApi(shop);
  const { get, put, delete: drop } = at(doc, 'paths', '/orders/{id}') as Record<string, Doc>;
  const place = at(doc, 'paths', '/orders', 'post');
  assert.deepEqual(Object.keys(at(doc, 'paths')), ['/orders', '/orders/{id}'], 'one path, whatever its parameter is called');
  const names = (operation: unknown): unknown => {
    const given = at(operation, 'parameters') as unknown as Doc[];
    return given.map((one) => one['name'] ?? one['$ref']);
  };
  const [key, deadline] = ['#/components/parameters/IdempotencyKey', '#/components/parameters/Deadline'];
  assert.deepEqual(names(place), [key, deadline]);
  assert.deepEqual(names(get), ['id', deadline], 'a query takes no key');
  assert.deepEqual(names(put), ['id', key, deadline]);
  assert.deepEqual(names(drop), ['id', key, deadline, 'why', 'by']);
  assert.equal(at(drop, 'parameters', '3')['required'], undefined, 'an empty list leaves no trace');
  assert.equal(at(drop, 'parameters', '4')['required'], true);
  assert.equal(drop?.['requestBody'], undefined);
  assert.deepEqual(at(put, 'requestBody')['required'], undefined, 'nothing in it must be there');
  const amended = at(doc, 'components', 'schemas', 'ShopAmendInput');
  assert.deepEqual(Object.keys(at(amended, 'properties')), ['note'], 'what is in the path is not in the body');
  assert.equal(at(place, 'requestBody')['required'], true);

  const answers = at(place, 'responses');
  assert.deepEqual(Object.keys(answers), ['202', '400', '409', '422', '500', '503', '504', 'default']);
  assert.deepEqual(Object.keys(at(put, 'responses'))[0], '204');
  assert.ok(at(answers, '202', 'headers', 'Location'));
  const problem = { $ref: '#/components/schemas/Problem' };
  assert.deepEqual(at(answers, '409', 'content', 'application/problem+json', 'schema'), {
    anyOf: [{ $ref: '#/components/schemas/ShopPlaceSold' }, problem],
  });
  assert.ok(at(answers, '503', 'headers', 'Retry-After'));
  const sold = { type: 'about:blank', title: 'Sold', status: 409, error: 'Sold', data: { sku: 'a' } };
  const declared = schemaAt(doc, '#/components/schemas/ShopPlaceSold');
  assert.ok(declared(sold));
  assert.ok(!declared({ ...sold, data: undefined }) || !declared({ ...sold, status: 410 }));
});

test('a schema with a name keeps it, and is there once for each form; equal ones are one', async () => {
  const doc = await judgeOpenApi(shop);
  assert.deepEqual(Object.keys(at(doc, 'components', 'schemas')).sort(), [
    'Item',
    'ItemOutput',
    'Problem',
    'ShopAmendInput',
    'ShopOrderNotFound',
    'ShopPlaceClosed',
    'ShopPlaceInput',
    'ShopPlaceOutput',
    'ShopPlaceSold',
    'ShopPlaceSoldData',
  ]);
  const body = at(doc, 'paths', '/orders/{id}', 'get', 'responses', '200', 'content', 'application/json', 'schema');
  assert.deepEqual(body, { $ref: '#/components/schemas/ShopPlaceOutput' });
});

test('two schemas of one name and no likeness stay apart; one that holds itself is described once', async () => {
  const Tree = z.object({
    id: z.string(),
    get kids() {
      return z.array(Tree);
    },
  });
  const Mine = z.object({ a: z.string() }).meta({ id: 'Problem' });
  const one = contract('one', {
    a: query({ http: 'GET /a', input: z.object({}), output: z.object({ mine: Mine }) }),
    b: command({ http: 'POST /b/{id}', input: Tree, output: Tree }),
  });
  const schemas = at(await judgeOpenApi(one), 'components', 'schemas');
  assert.ok(at(schemas, 'ProblemOutput', 'properties', 'a'));
  assert.ok(at(schemas, 'Problem', 'properties', 'title'));
  assert.deepEqual(at(schemas, 'OneBOutput', 'properties', 'kids', 'items'), { $ref: '#/components/schemas/OneBOutput' });
  // The outermost has its id in the path, all within have it in the body.
  assert.deepEqual(Object.keys(at(schemas, 'OneBInput', 'properties')), ['kids']);
  const { $ref } = at(schemas, 'OneBInput', 'properties', 'kids', 'items') as { $ref: string };
  assert.deepEqual(at(schemas, $ref.split('/').at(-1) as string)['required'], ['id', 'kids']);
});

test('a gateway is described by its routes: parts that may be missing are optional, and meta tells of them', async () => {
  const front = gateway({
    routes: [
      route('PUT /api/orders/{orderId}', shop.amend),
      aggregate('GET /api/orders/{id}', ({ part }) => ({
        order: part(shop.order, ({ params }) => params),
        again: part(shop.order, ({ params }) => params).optional(),
      })),
      aggregate(
        'GET /api/titles/{id}',
        ({ part }) => ({ order: part(shop.order, ({ params }) => params) }),
        () => 'made',
      ),
    ],
  });
  const doc = await judgeOpenApi(front);
  assert.deepEqual(Object.keys(at(doc, 'paths')), ['/api/orders/{orderId}', '/api/titles/{id}']);
  const { get, put } = at(doc, 'paths', '/api/orders/{orderId}') as Record<string, Doc>;
  assert.deepEqual(Object.keys(at(put, 'responses')), ['204', '400', '409', '422', '429', '502', '503', '504', 'default']);
  assert.deepEqual(Object.keys(at(get, 'responses')), ['200', '400', '404', '502', '503', '504', 'default']);
  const { $ref } = at(get, 'responses', '200', 'content', 'application/json', 'schema') as { $ref: string };
  const answer = schemaAt(doc, $ref);
  const order = { id: '1', items: [] };
  assert.ok(answer({ order, meta: { parts: { order: 'ok', again: 'failed' } } }));
  assert.ok(answer({ order, again: order, meta: { parts: { order: 'ok', again: 'ok' } } }));
  assert.ok(!answer({ again: order, meta: { parts: { order: 'ok', again: 'ok' } } }));
  assert.ok(!answer({ order, meta: { parts: { order: 'ok' } } }));
  assert.ok(!answer({ order, meta: { parts: { order: 'failed', again: 'ok' } } }));
});

test('an event is described as it is on the bus: one channel for each contract, the envelope, the key', () => {
  const silent = contract('silent', { a: command({ http: 'POST /a', input: z.object({}) }) });
  const doc = judgeAsyncApi([shop, silent]);
  assert.deepEqual(Object.keys(at(doc, 'channels')), ['shop']);
  assert.equal(at(doc, 'channels', 'shop')['address'], 'shop');
  const fits = schemaAt(doc, '#/components/messages/shop.placed/payload/schema');
  const sent = envelope({
    id: 'e1',
    service: 'shop',
    event: 'placed',
    key: 'o1',
    now: 0,
    data: { id: 'o1', items: [{ sku: 'a' }] },
    notAfterMs: 1,
  });
  assert.ok(fits(sent), JSON.stringify(fits.errors));
  assert.ok(!fits({ ...sent, partitionkey: undefined, data: {} }));
  assert.ok(!fits({ ...sent, type: 'shop.other' }));
});

test('title, version, description and servers are as told', () => {
  const said = { title: 'T', version: '2.1.0', description: 'D' };
  assert.deepEqual(openapi(shop, { ...said, servers: ['https://a'] }).info, said);
  assert.deepEqual(openapi(shop, { servers: ['https://a'] }).servers, [{ url: 'https://a' }]);
  assert.deepEqual(openapi(shop).info, { title: 'shop', version: '1.0.0' });
  assert.deepEqual(asyncapi(shop, said).info, said);
});

// --- any contract ---

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

test('any contract has valid documents, and whoever makes a request by them is understood', async () => {
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

test('kinds that refer to each other are described once each, and their JSON Schema is made once', () => {
  const kinds: z.ZodType[] = [];
  const count = 11;
  for (let kind = 0; kind < count; kind++) {
    const others = Array.from({ length: count }, (_, to) => [`to${to}`, z.lazy(() => kinds[to] as z.ZodType).optional()] as const);
    kinds.push(z.object(Object.fromEntries(others)).meta({ id: `Kind${kind}` }));
  }
  const input = z.object({ root: kinds[0] as z.ZodType });
  const { jsonSchema } = input['~standard'];
  let made = 0;
  const counted: Schema<never, object> = {
    '~standard': {
      ...(input['~standard'] as unknown as Schema<never, object>['~standard']),
      jsonSchema: {
        input: (options) => {
          made++;
          return jsonSchema.input(options);
        },
        output: jsonSchema.output,
      },
    },
  };
  const many = contract('many', {
    put: command({ http: 'PUT /many', input: counted }),
    add: command({ http: 'POST /many', input: counted }),
  });
  const names = Object.keys(openapi(many).components['schemas'] as object).filter((name) => name.startsWith('Kind'));
  assert.equal(names.length, count);
  assert.equal(made, 1);
});

test('what members and their contract say of themselves is shown where they are', () => {
  const members = {
    act: command({ http: 'POST /act', input: z.object({}), description: 'Acts.' }),
    acted: event({ key: 'id', data: z.object({ id: z.string() }), description: 'It acted.' }),
    bare: command({ http: 'POST /bare', input: z.object({}) }),
  };
  const acts = contract('acts', members, { description: 'All that acts.' });
  const { info, paths } = openapi(acts);
  const docs = paths as unknown as Record<string, { post: Doc }>;
  assert.equal(info['description'], 'All that acts.');
  assert.equal(docs['/act']?.post['description'], 'Acts.');
  assert.ok(!Object.hasOwn(docs['/bare']?.post ?? {}, 'description'));
  assert.equal(openapi(acts, { description: 'Another.' }).info['description'], 'Another.');
  const events = asyncapi(acts);
  assert.equal((events.components['messages'] as Record<string, Doc>)['acts.acted']?.['description'], 'It acted.');
  assert.match(String((events.channels['acts'] as Doc)['description']), /^All that acts\.\n\nWhat happened in acts\./);
  assert.equal(events.info['description'], 'All that acts.');
  // Of several contracts none speaks for the whole.
  assert.ok(!Object.hasOwn(asyncapi([acts, contract('others', {})]).info, 'description'));
  const whole = openapi(gateway({ routes: [route('POST /act', acts.act)] }));
  assert.equal((whole.paths['/act'] as { post: Doc }).post['description'], 'Acts.');
});

test('a document has no example and no default of a secret', () => {
  const Pin = z.string().meta({ id: 'Pin', secret: true, examples: ['1234'] });
  const input = z.object({
    pin: Pin,
    again: Pin.default('4711'),
    token: z.string().default('t0ken').meta({ secret: true }),
    shown: z
      .string()
      .default('plain')
      .meta({ examples: ['example'] }),
  });
  const text = JSON.stringify(
    openapi(contract('bank', { pay: command({ http: 'POST /pay', input }), find: query({ http: 'GET /pay', input, output: input }) })),
  );
  for (const secret of ['1234', '4711', 't0ken']) assert.ok(!text.includes(secret), secret);
  assert.ok(text.includes('plain') && text.includes('example'));
});
