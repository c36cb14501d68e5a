import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { type Caller, caller } from '../client/caller.ts';
import { CallFailed } from '../client/errors.ts';
import type { Transport } from '../client/transport.ts';
import { http } from '../client/transports/http.ts';
import { local } from '../client/transports/local.ts';
import { lossy, unstorableTexts } from '../contract/conformance/lossy.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { failedReply } from '../http/reply.ts';
import { type HttpServer, httpServer } from '../http/server.ts';
import { policyOn } from '../resilience/policy.ts';
import { saga } from '../saga/definition.ts';
import { memory } from '../store/drivers/memory.ts';
import { external } from './handler.ts';
import { type RunningService, run } from './lifecycle.ts';
import { service } from './service.ts';
import { operationRoutes } from './transports/http.ts';

const Asked = z.object({ asked: z.unknown() });
const Value = z.object({ id: z.string(), value: z.unknown() });
const desk = contract('desk', {
  find: query({
    http: 'GET /things/{id}',
    input: z.object({
      id: z.string(),
      text: z.string().optional(),
      n: z.number().optional(),
      yes: z.boolean().optional(),
      word: z.enum(['a', 'b']).optional(),
      texts: z.array(z.string()).optional(),
      labels: z.array(z.string()).default(['inbox']),
      ints: z.array(z.int()),
    }),
    output: Asked,
  }),
  remove: command({
    http: 'DELETE /things/{n}/{yes}',
    input: z.strictObject({ n: z.number(), yes: z.boolean(), ids: z.array(z.string()).optional() }),
    output: Asked,
  }),
  put: command({
    http: 'PUT /things/{id}',
    input: z.object({ id: z.string(), deep: z.unknown(), text: z.string().default('none') }),
    output: Asked,
  }),
  give: command({ http: 'POST /give', input: z.object({}), output: z.object({ asked: z.unknown() }) }),
  tell: query({ http: 'GET /tell', input: z.object({}), output: z.object({ asked: z.unknown() }) }),
  refuse: command({ http: 'POST /refuse', input: z.object({}), errors: { No: { status: 409, data: z.object({ asked: z.unknown() }) } } }),
  announce: command({ http: 'POST /announce', input: z.object({}) }),
  begin: command({ http: 'POST /begin', input: z.object({}) }),
  reach: command({ http: 'POST /reach', input: z.object({}) }),
  shouted: query({
    http: 'GET /shouted',
    input: z.object({}),
    output: z.object({
      text: z
        .string()
        .max(5)
        .overwrite((text) => `${text}!`),
    }),
  }),
  filed: command({
    http: 'POST /filed',
    input: z.object({ id: z.string() }),
    output: z.object({ id: z.string() }),
    status: 201,
    location: '/f/{id}',
  }),
  file: query({ http: 'GET /files/{id}', input: z.object({ id: z.string() }), output: Asked }),
  latest: query({ http: 'GET /files/latest', input: z.object({}), output: Asked }),
  purge: command({ http: 'DELETE /files/all', input: z.object({}), output: Asked }),
  drop: command({ http: 'DELETE /files/{id}', input: z.object({ id: z.string() }), output: Asked }),
  ofFile: query({ http: 'GET /files/{id}/{part}', input: z.object({ id: z.string(), part: z.string() }), output: Asked }),
  history: query({ http: 'GET /files/{id}/history', input: z.object({ id: z.string() }), output: Asked }),
  latestPart: query({ http: 'GET /files/latest/{part}', input: z.object({ part: z.string() }), output: Asked }),
  happened: event({ key: 'id', data: Value }),
});
const keeping = saga(desk, 'keeping', { input: Value }).local('keep', { do: () => {} });

interface World {
  readonly running: RunningService;
  readonly server: HttpServer;
  readonly wire: Transport;
  readonly here: Caller;
  readonly there: Caller;
  /** Rows that the handlers wrote, and that were committed. */
  readonly rows: () => Promise<number>;
}
/** What the handlers give. */
const stage: { value: unknown } = { value: undefined };

async function launched(): Promise<World> {
  const rt = runtime({ observe: silent });
  const store = memory();
  const opened: Awaited<ReturnType<typeof store.open>>[] = [];
  const handed = async <
    C extends { readonly tx: { run(sql: string, ...values: string[]): Promise<unknown> }; readonly newId: () => string },
  >({
    tx,
    newId,
  }: C): Promise<void> => void (await tx.run('insert into done (id) values (?)', newId()));
  const one = service(desk, {
    migrations: [{ name: 'desk/1', statements: ['create table done (id text primary key)'] }],
    handlers: {
      find: ({ input }) => ({ asked: input }),
      remove: ({ input }) => ({ asked: input }),
      put: ({ input }) => ({ asked: input }),
      async give(context) {
        await handed(context);
        return { asked: stage.value };
      },
      tell: () => ({ asked: stage.value }),
      async refuse(context) {
        throw context.fail('No', { asked: stage.value });
      },
      async announce(context) {
        await handed(context);
        context.publish('happened', { id: 'a', value: stage.value });
      },
      async begin(context) {
        await handed(context);
        context.start(keeping, { id: 'a', value: stage.value });
      },
      reach: external({
        async before(context) {
          await handed(context);
          return { value: stage.value };
        },
        do: () => 'yes',
        after: () => {},
      }),
      file: ({ input }) => ({ asked: input }),
      latest: () => ({ asked: 'latest' }),
      purge: () => ({ asked: 'everything is gone' }),
      drop: ({ input }) => ({ asked: input }),
      ofFile: ({ input }) => ({ asked: input }),
      history: ({ input }) => ({ asked: input }),
      latestPart: ({ input }) => ({ asked: input }),
      shouted: () => ({ text: String(stage.value) }),
      async filed(context) {
        await handed(context);
        return { id: context.input.id };
      },
    },
    sagas: [keeping],
  });
  const bus = await memoryBus().open(rt);
  const running = await run(one, {
    runtime: rt,
    store: {
      async open(name, at) {
        const made = await store.open(name, at);
        opened.push(made);
        return made;
      },
    },
    bus,
    call: () => assert.fail('nobody is called'),
  });
  await running.begin();
  const server = await httpServer({ routes: operationRoutes(desk, running.endpoint, rt), failed: (error) => failedReply(rt, error) });
  const wire = http(server.url);
  const calling = (transport: Transport): Caller =>
    caller({ runtime: rt, transportOf: () => transport, policyOf: () => policyOn(rt), guardOf: () => policyOn(rt) });
  return {
    ...{ running, server, wire },
    here: calling(local('desk', () => running.endpoint)),
    there: calling(wire),
    async rows() {
      const [row] = (await opened[0]?.read.all('select count(*) as n from done')) ?? [];
      return Number(row?.['n']);
    },
  };
}

let world: World;
before(async () => {
  world = await launched();
});
after(async () => {
  await world.wire.close();
  await world.server.close();
  await world.running.quiesce(new AbortController().signal);
  await world.running.close(new AbortController().signal);
});

type Any = Parameters<Caller>[0];
/** What came of a call, for both transports to be compared in. */
async function outcome(call: Caller, operation: unknown, input: unknown): Promise<unknown> {
  try {
    return { value: await call(operation as Any, input as never) };
  } catch (error) {
    assert.ok(error instanceof CallFailed, String(error));
    const { status, code, issues, detail } = error.problem;
    return { status, code, issues, detail };
  }
}

test('a path field that is missing, not a scalar or would change its type is refused before it is sent', async () => {
  for (const call of [world.here, world.there]) {
    for (const id of [undefined, null, Number.NaN, {}, { a: 1 }, ['a', 'b'], ['a'], [], 5, true]) {
      assert.partialDeepStrictEqual(await outcome(call, desk.put, { id }), { status: 400, code: 'SW_INPUT_INVALID' }, JSON.stringify(id));
    }
    for (const n of ['5', null, undefined, Number.NaN])
      assert.partialDeepStrictEqual(await outcome(call, desk.remove, { n, yes: true }), { status: 400, code: 'SW_INPUT_INVALID' });
  }
});

test('a path value that would address another operation is refused; one that only looks alike is not', async () => {
  for (const call of [world.here, world.there]) {
    for (const [name, input] of [
      ['file', { id: 'latest' }],
      ['drop', { id: 'all' }],
      ['ofFile', { id: 'a', part: 'history' }],
      ['ofFile', { id: 'latest', part: 'a' }],
      ['history', { id: 'latest' }],
    ] as const)
      assert.partialDeepStrictEqual(
        await outcome(call, desk[name], input),
        { status: 400, code: 'SW_INPUT_INVALID' },
        JSON.stringify(input),
      );
    for (const [name, input] of [
      ['file', { id: 'all' }],
      ['file', { id: 'Latest' }],
      ['drop', { id: 'latest' }],
      ['ofFile', { id: 'history', part: 'latest' }],
      ['history', { id: 'history' }],
      ['latestPart', { part: 'history' }],
    ] as const)
      assert.deepEqual(await outcome(call, desk[name], input), { value: { asked: input } }, JSON.stringify(input));
  }
});

test('an empty list arrives as an empty list, and not as absent', async () => {
  for (const call of [world.here, world.there]) {
    const { asked } = (await call(desk.find, { id: 'a', texts: [], labels: [], ints: [] })) as { asked: unknown };
    assert.deepEqual(asked, { id: 'a', texts: [], labels: [], ints: [] });
    const absent = (await call(desk.find, { id: 'a', ints: [1] })) as { asked: unknown };
    assert.deepEqual(absent.asked, { id: 'a', labels: ['inbox'], ints: [1] });
    assert.partialDeepStrictEqual(await outcome(call, desk.find, { id: 'a', texts: [''], ints: [] }), { status: 400 });
    assert.deepEqual(((await call(desk.find, { id: 'a', texts: ['', ''], ints: [] })) as { asked: { texts: unknown } }).asked.texts, [
      '',
      '',
    ]);
  }
});

describe('what JSON does not keep is refused by name before the commit, wherever a handler gives it away', () => {
  for (const [what, [value]] of Object.entries(lossy)) {
    test(what, async () => {
      stage.value = value;
      const rows = await world.rows();
      for (const call of [world.here, world.there])
        for (const name of ['give', 'tell', 'refuse', 'announce', 'begin', 'reach'] as const)
          assert.partialDeepStrictEqual(await outcome(call, desk[name], {}), { status: 500 }, name);
      assert.equal(await world.rows(), rows);
    });
  }
  test('a value that JSON represents is accepted', async () => {
    stage.value = { list: [1, 'a', null, { b: true }], none: undefined };
    for (const call of [world.here, world.there]) {
      assert.deepEqual(await outcome(call, desk.give, {}), { value: { asked: { list: [1, 'a', null, { b: true }] } } });
      for (const name of ['announce', 'begin', 'reach'] as const)
        assert.deepEqual(await outcome(call, desk[name], {}), { value: undefined });
    }
  });
});

for (const [what, [value]] of Object.entries(unstorableTexts)) {
  test(`a text that not every database keeps is refused where it enters, and where it would be published: ${what}`, async () => {
    stage.value = value;
    const rows = await world.rows();
    for (const call of [world.here, world.there]) {
      const refused = await outcome(call, desk.put, { id: 'a', deep: { in: value } });
      assert.partialDeepStrictEqual(refused, { status: 400, code: 'SW_INPUT_INVALID' });
      assert.match((refused as { issues: readonly [{ path: string }] }).issues[0].path, /^deep\.in/);
      for (const name of ['announce', 'begin'] as const)
        assert.partialDeepStrictEqual(await outcome(call, desk[name], {}), { status: 500 }, name);
    }
    assert.equal(await world.rows(), rows);
  });
}

test('G14: U+0000 in a body, a path or a query string of any client is refused with its field', async () => {
  const headers = { 'content-type': 'application/json' };
  for (const [path, init, field] of [
    ['/things/a', { method: 'PUT', headers, body: '{"deep": [{"a": "\\u0000"}]}' }, 'deep.0.a'],
    ['/things/a%00', { method: 'PUT', headers, body: '{"deep": 1}' }, 'id'],
    ['/things/a%00', {}, 'id'],
    ['/things/a?text=%00', {}, 'text'],
    ['/things/a?texts=a&texts=%00', {}, 'texts.1'],
  ] as const) {
    const response = await fetch(`${world.server.url}${path}`, init);
    const { code, issues } = (await response.json()) as { code: string; issues: readonly { path: string; message: string }[] };
    assert.deepEqual([response.status, code, issues.map((issue) => issue.path)], [400, 'SW_INPUT_INVALID', [field]], path);
    assert.match(issues[0]?.message ?? '', /U\+0000/);
  }
});

test('an output that its receiver would refuse is refused before it is sent', async () => {
  stage.value = 'abcde';
  for (const call of [world.here, world.there])
    assert.partialDeepStrictEqual(await outcome(call, desk.shouted, {}), { code: 'SW_OUTPUT_INVALID' });
});

test('an output that gives no Location is refused before the commit', async () => {
  const rows = await world.rows();
  for (const call of [world.here, world.there])
    for (const id of ['', '.', '..', 'x'.repeat(3000)])
      assert.partialDeepStrictEqual(await outcome(call, desk.filed, { id }), { status: 500, code: 'SW_OUTPUT_INVALID' }, id.slice(0, 5));
  assert.equal(await world.rows(), rows);
  assert.deepEqual(await outcome(world.there, desk.filed, { id: 'a/b' }), { value: { id: 'a/b' } });
});
