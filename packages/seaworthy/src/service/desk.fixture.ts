import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { z } from 'zod';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { Failure } from '../client/call.ts';
import { type Caller, caller } from '../client/caller.ts';
import { CallFailed } from '../client/errors.ts';
import type { Transport } from '../client/transport.ts';
import { http } from '../client/transports/http.ts';
import { local } from '../client/transports/local.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { failedReply } from '../http/reply.ts';
import { httpServer } from '../http/server.ts';
import { policyOn } from '../resilience/policy.ts';
import { memory } from '../store/drivers/memory.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import type { StoreDriver } from '../store/store.ts';
import { external, remote } from './handler.ts';
import { type RunningService, run } from './lifecycle.ts';
import { service } from './service.ts';
import { operationRoutes } from './transports/http.ts';

const Ref = z.object({ id: z.string().min(1) });
export const desk = contract('desk', {
  write: command({
    http: 'PUT /notes/{id}',
    input: z.object({ id: z.string(), text: z.string().default('empty') }),
    output: z.object({ id: z.string(), runs: z.int() }),
    errors: { Refused: { status: 409, data: z.object({ why: z.string() }) } },
  }),
  erase: command({ http: 'DELETE /notes/{id}', input: Ref }),
  reach: command({ http: 'POST /reach', input: Ref, output: z.object({ outcome: z.string() }), errors: { No: { status: 402 } } }),
  note: query({ http: 'GET /notes/{id}', input: Ref, output: z.object({ text: z.string() }), errors: { NotFound: { status: 404 } } }),
  search: query({
    http: 'GET /notes',
    input: z.object({
      text: z.string().optional(),
      limit: z.int().max(10).default(3),
      tags: z.array(z.string()).optional(),
      exact: z.boolean().optional(),
    }),
    output: z.object({ asked: z.unknown() }),
  }),
  pick: query({ http: 'GET /pick', input: z.object({ from: z.array(z.int()) }), output: z.object({ from: z.array(z.int()) }) }),
  hang: query({ http: 'GET /hang', input: z.object({}), output: z.object({}) }),
  fall: command({ http: 'POST /fall', input: z.object({ name: z.string() }) }),
  lie: query({ http: 'GET /lie', input: z.object({}), output: z.object({ n: z.int() }) }),
  written: event({ key: 'id', data: Ref }),
});

/** What the handlers do beside their rows. A test replaces it. */
export interface Backstage {
  runs: number;
  write: (input: { readonly id: string; readonly text: string }) => void | Promise<void>;
  reach: (key: string, signal: AbortSignal) => unknown;
  hung: AbortSignal | undefined;
}

export const deskService = (stage: Backstage) =>
  service(desk, {
    migrations: [
      {
        name: 'desk/1',
        statements: ({ types: { key, text } }) => [`create table note (id ${key} not null primary key, text ${text} not null)`],
      },
    ],
    handlers: {
      async write({ input, tx, publish, fail }) {
        stage.runs++;
        const noting = tx.dialect.upsert({ table: 'note', columns: 'id, text', key: 'id', set: 'text' });
        await tx.run(noting, input.id, input.text);
        publish('written', { id: input.id });
        if (input.text === 'refuse') throw fail('Refused', { why: 'asked for' });
        await stage.write(input);
        return { id: input.id, runs: stage.runs };
      },
      async erase({ input, tx }) {
        await tx.run('delete from note where id = ?', input.id);
      },
      reach: external({
        timeout: '1s',
        before: ({ input }) => ({ asked: input.id }),
        do: ({ key, signal }) => stage.reach(key, signal),
        async after({ intent, outcome, tx, fail }) {
          if (outcome === 'no') throw fail('No');
          await tx.run('insert into note (id, text) values (?, ?)', intent.asked, String(outcome));
          return { outcome: String(outcome) };
        },
      }),
      async note({ input, read, fail }) {
        const [row] = await read.all('select text from note where id = ?', input.id);
        if (!row) throw fail('NotFound');
        return { text: String(row['text']) };
      },
      search: ({ input }) => ({ asked: input }),
      pick: ({ input }) => input,
      hang: remote(({ signal }) => {
        stage.hung = signal;
        return new Promise<never>(() => {});
      }),
      fall({ input }) {
        throw new Failure(input.name, undefined);
      },
      lie: () => ({ n: 'no number' as unknown as number }),
    },
  });

export const backstage = (): Backstage => ({ runs: 0, write: () => {}, reach: () => 'yes', hung: undefined });

/** A desk that runs, and a client that calls it. */
export interface World {
  readonly stage: Backstage;
  readonly rt: Runtime;
  readonly running: RunningService;
  readonly transport: Transport;
  readonly call: Caller;
  close(): Promise<void>;
}

const root = mkdtempSync(join(tmpdir(), 'seaworthy-service-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
/** Returns a folder for one database, which the end of the tests removes. */
export const newFolder = (): string => join(root, String(folders++));

/** Waits for something that happens in this process, without looking at the time. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let round = 0; round < 20_000; round++) {
    if (holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail(`it never came to be that ${what}`);
}

export const callsNobody = (() => assert.fail('it calls nobody')) as never;

/** Says whether an error is a failed call with this code and status. */
export const failsWith =
  (code: string, status: number) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof CallFailed, String(error));
    assert.deepEqual([error.problem.code, error.problem.status], [code, status], error.message);
    return true;
  };

type Way = readonly [name: string, driver: () => StoreDriver, transportTo: (desk: { url: string; running: RunningService }) => Transport];

const ways: readonly Way[] = [
  ['in process, on SQLite', () => sqlite({ dir: newFolder() }), ({ running }) => local('desk', () => running.endpoint)],
  ['in process, on conflicting memory', memory, ({ running }) => local('desk', () => running.endpoint)],
  ['over HTTP, on SQLite', () => sqlite({ dir: newFolder() }), ({ url }) => http(url)],
];

async function open([, driver, transportTo]: Way): Promise<World> {
  const stage = backstage();
  const rt = runtime();
  const bus = await memoryBus().open(rt);
  const running = await run(deskService(stage), { runtime: rt, store: driver(), bus, call: callsNobody });
  const server = await httpServer({ routes: operationRoutes(desk, running.endpoint, rt), failed: (error) => failedReply(rt, error) });
  await running.begin();
  const transport = transportTo({ url: server.url, running });
  return {
    stage,
    rt,
    running,
    transport,
    // Without retries, which are tested with the policy.
    call: caller({ runtime: rt, transportOf: () => transport, policyOf: () => policyOn(rt) }),
    async close() {
      await transport.close();
      await server.close(AbortSignal.abort());
      await running.quiesce(new AbortController().signal);
      await running.close(AbortSignal.abort(new Error('the test is over')));
      await bus.close();
    },
  };
}

/** Defines tests once for each way to call the desk. The members of `world` are there while the tests run. */
export function eachWay(title: string, define: (world: World) => void): void {
  for (const way of ways)
    describe(`${title} ${way[0]}`, () => {
      const world = {} as World;
      before(async () => void Object.assign(world, await open(way)));
      after(() => world.close());
      define(world);
    });
}
