import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { envelope } from '../bus/envelope.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import type { Schema } from '../contract/schema.ts';
import { aggregate } from '../gateway/aggregate.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { asyncapi } from './asyncapi.ts';
import type { Doc } from './document.ts';
import { at, judgeAsyncApi, judgeOpenApi, schemaAt } from './judge.fixture.ts';
import { openapi } from './openapi.ts';

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

test('an operation is described with path, query string, body, headers and responses', async () => {
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

test('a named schema keeps its name, appears once for each side, and equal schemas are one', async () => {
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

test('different schemas with one name stay apart; a recursive schema is described once', async () => {
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

test('a gateway is described by its routes; parts that may be missing are optional, and meta has their results', async () => {
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

test('an event is described with its channel, its envelope and its key', () => {
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

test('title, version, description and servers are those of the options', () => {
  const said = { title: 'T', version: '2.1.0', description: 'D' };
  assert.deepEqual(openapi(shop, { ...said, servers: ['https://a'] }).info, said);
  assert.deepEqual(openapi(shop, { servers: ['https://a'] }).servers, [{ url: 'https://a' }]);
  assert.deepEqual(openapi(shop).info, { title: 'shop', version: '1.0.0' });
  assert.deepEqual(asyncapi(shop, said).info, said);
});

test('schemas that refer to each other are described once each, and their JSON Schema is made once', () => {
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

test('the descriptions of contracts and members are in the documents', () => {
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
  assert.match(String((events.channels['acts'] as Doc)['description']), /^All that acts\.\n\nThe events of acts\./);
  assert.equal(events.info['description'], 'All that acts.');
  // Of several contracts none speaks for the whole.
  assert.ok(!Object.hasOwn(asyncapi([acts, contract('others', {})]).info, 'description'));
  const whole = openapi(gateway({ routes: [route('POST /act', acts.act)] }));
  assert.equal((whole.paths['/act'] as { post: Doc }).post['description'], 'Acts.');
});

test('a document has no examples and defaults of secrets', () => {
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
