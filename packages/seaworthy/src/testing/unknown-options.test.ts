import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { embedded, embeddedOn } from '../bus/drivers/embedded.ts';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { caller } from '../client/caller.ts';
import { http } from '../client/transports/http.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import { OptionUnknown } from '../core/options.ts';
import { runtime } from '../core/runtime.ts';
import { asyncapi } from '../documents/asyncapi.ts';
import { openapi } from '../documents/openapi.ts';
import { fleet } from '../fleet/fleet.ts';
import { start } from '../fleet/start.ts';
import { aggregate } from '../gateway/aggregate.ts';
import { gateway } from '../gateway/gateway.ts';
import { consumer } from '../outbox/consumer.ts';
import { deadLetters } from '../outbox/dead-letters.ts';
import { collector } from '../outbox/outbox.ts';
import { relay } from '../outbox/relay.ts';
import { breaker } from '../resilience/breaker.ts';
import { bulkhead } from '../resilience/bulkhead.ts';
import { keyed } from '../resilience/keyed.ts';
import { jobRetry, retry } from '../resilience/retry.ts';
import { saga } from '../saga/definition.ts';
import { listSagas } from '../saga/list.ts';
import { external } from '../service/handler.ts';
import { service } from '../service/service.ts';
import { memory } from '../store/drivers/memory.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import { worker } from '../store/worker.ts';
import { openTelemetry } from '../telemetry/opentelemetry.ts';
import { telemetry } from '../telemetry/telemetry.ts';
import { seededFaults } from './faults.ts';
import { storm } from './storm.ts';

const input = z.object({ id: z.string() });
const desk = contract('desk', { ask: query({ http: 'GET /ask/{id}', input, output: input }) });
const one = service(desk, { handlers: { ask: ({ input: asked }) => asked } });
const whole = fleet({ services: [one] });
const store = await memory().open('desk', runtime());
const empty = saga(desk, 'empty', { input });
const call = caller({ runtime: runtime(), transportOf: () => assert.fail('nothing is sent') });

/** Each function that takes options, with an option that is misspelt. JavaScript has no compiler that says so. */
const misspelt: Readonly<Record<string, (wrong: never) => unknown>> = {
  start: (wrong) => start(whole, wrong),
  'start listen': (wrong) => start(whole, { listen: wrong }),
  'start listen.bodies': (wrong) => start(whole, { listen: { bodies: wrong } }),
  'start listen.operations': (wrong) => start(whole, { listen: { operations: wrong } }),
  'start shutdown': (wrong) => start(whole, { shutdown: wrong }),
  'start gateway': (wrong) => start(whole, { gateway: wrong }),
  'start gateway.trust': (wrong) => start(whole, { gateway: { trust: wrong } }),
  'start calls': (wrong) => start(whole, { calls: wrong }),
  'start retention': (wrong) => start(whole, { retention: wrong }),
  'start sagas': (wrong) => start(whole, { sagas: wrong }),
  'start relay': (wrong) => start(whole, { relay: wrong }),
  'start consumer': (wrong) => start(whole, { consumer: wrong }),
  'start consumer.retry': (wrong) => start(whole, { consumer: { retry: wrong } }),
  'start documents': (wrong) => start(whole, { documents: wrong }),
  fleet: (wrong) => fleet({ services: [one], ...(wrong as object) }),
  service: (wrong) => service(desk, { handlers: { ask: ({ input: asked }) => asked }, ...(wrong as object) }),
  external: (wrong) => external({ before: () => 1, do: () => 1, after: () => {}, ...(wrong as object) }),
  gateway: (wrong) => gateway({ routes: [], ...(wrong as object) }),
  part: (wrong) => aggregate('GET /a/{id}', ({ part }) => ({ a: part(desk.ask, ({ params }) => params, wrong) })),
  contract: (wrong) => contract('other', {}, wrong),
  command: (wrong) => command({ http: 'POST /a', input: z.object({}), ...(wrong as object) }),
  query: (wrong) => query({ http: 'GET /a', input: z.object({}), output: input, ...(wrong as object) }),
  event: (wrong) => event({ key: 'id', data: input, ...(wrong as object) }),
  openapi: (wrong) => openapi(desk, wrong),
  asyncapi: (wrong) => asyncapi(desk, wrong),
  saga: (wrong) => saga(desk, 'other', { input, ...(wrong as object) }),
  'a step': (wrong) => empty.step('one', { do: () => {}, ...(wrong as object) }),
  'a local step': (wrong) => empty.local('one', { do: () => {}, ...(wrong as object) }),
  'the retry of a step': (wrong) => empty.step('one', { do: () => {}, retry: wrong }),
  listSagas: (wrong) => listSagas(store.read, wrong),
  breaker: (wrong) => breaker(wrong),
  bulkhead: (wrong) => bulkhead({ limit: 1, ...(wrong as object) }),
  keyed: (wrong) => keyed(() => ({}), wrong),
  retry: (wrong) => retry(wrong),
  jobRetry: (wrong) => jobRetry(wrong),
  caller: (wrong) => caller({ runtime: runtime(), transportOf: () => assert.fail(), ...(wrong as object) }),
  'a call': (wrong) => call(desk.ask, { id: 'a' }, wrong),
  http: (wrong) => http('http://127.0.0.1:1', wrong),
  sqlite: (wrong) => sqlite({ dir: 'never', ...(wrong as object) }),
  embedded: (wrong) => embedded({ dir: 'never', ...(wrong as object) }),
  embeddedOn: (wrong) => embeddedOn(memory(), wrong),
  'the bus in memory': (wrong) => memoryBus(wrong),
  worker: (wrong) => worker(store, runtime(), wrong),
  relay: (wrong) => relay(wrong),
  consumer: (wrong) => consumer(wrong),
  collector: (wrong) => collector(desk, runtime(), wrong),
  'a filter of dead letters': (wrong) => deadLetters(store, runtime()).drop(wrong),
  runtime: (wrong) => runtime(wrong),
  telemetry: (wrong) => telemetry(wrong),
  openTelemetry: (wrong) => openTelemetry({} as never, wrong),
  seededFaults: (wrong) => seededFaults({ seed: 1, ...(wrong as object) }),
  storm: (wrong) => storm({ fleet: whole, seed: 1, load: async () => {}, check: async () => {}, ...(wrong as object) }),
};

for (const [what, give] of Object.entries(misspelt)) {
  test(`G14: ${what} refuses an option that it does not know`, async () => {
    await assert.rejects(
      async () => give({ misspelt: 1 } as never),
      (error) => error instanceof OptionUnknown && /misspelt: write one of /.test(error.message),
    );
  });
}

test('G14: an option of start that is in a group now, or of another function, is refused as well', async () => {
  for (const wrong of [{ ports: true }, { host: '::1' }, { port: 1 }, { consumer: { inboxRetention: '1d' } }])
    await assert.rejects(start(whole, wrong as never), OptionUnknown, JSON.stringify(wrong));
});
