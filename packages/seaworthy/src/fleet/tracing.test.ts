import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as api from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { z } from 'zod';
import { command, contract, event, query } from '../contract/contract.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { baggageOf, type TraceContext } from '../core/trace.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { saga } from '../saga/definition.ts';
import { external } from '../service/handler.ts';
import { service } from '../service/service.ts';
import { openTelemetry } from '../telemetry/opentelemetry.ts';
import { telemetry } from '../telemetry/telemetry.ts';
import type { SpanRecord } from '../telemetry/tracer.ts';
import { fleet } from './fleet.ts';
import type { StartOptions } from './options.ts';
import { start } from './start.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-tracing-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

const Ref = z.object({ id: z.string() });
const shop = contract('shop', {
  place: command({ http: 'POST /orders', input: Ref, output: Ref }),
  placed: event({ key: 'id', data: Ref }),
});
const bank = contract('bank', {
  charge: command({ http: 'POST /charges', input: Ref, output: Ref, errors: { Refused: { status: 402 } } }),
});
const stock = contract('stock', {
  hold: command({ http: 'POST /holds', input: Ref, output: Ref }),
  release: command({ http: 'DELETE /holds/{id}', input: Ref, output: Ref }),
  look: query({ http: 'GET /holds/{id}', input: Ref, output: Ref }),
});

/** The trace that each handler got, and how the saga of each order ended. */
interface Seen {
  readonly traces: [where: string, trace: TraceContext | undefined][];
  readonly ended: string[];
}

const given = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${given}-b7ad6b7169203331-01`;

/** An order through gateway, service, outbox, bus, reaction, saga and calls; one whose id is `bad` is refused by the bank and undone. */
async function open(own: Runtime, options: StartOptions = {}, thirdParty = async (): Promise<void> => {}) {
  const seen: Seen = { traces: [], ended: [] };
  const note = (where: string, trace: TraceContext | undefined): void => void seen.traces.push([where, trace]);
  const fulfil = saga(bank, 'fulfil', { input: Ref, uses: [stock, bank] })
    .step('hold', { do: ({ input, call }) => call(stock.hold, input), undo: ({ input, call }) => call(stock.release, input) })
    .step('charge', { do: ({ input, call }) => call(bank.charge, input) })
    .local('finish', { do: ({ input }) => void seen.ended.push(input.id) });
  const running = await start(
    fleet({
      services: [
        service(shop, {
          handlers: {
            place({ input, publish, trace }) {
              note('place', trace);
              publish('placed', input);
              return input;
            },
          },
        }),
        service(bank, {
          sagas: [fulfil],
          handlers: {
            charge: external({
              before: ({ input, fail }) => {
                if (input.id === 'bad') throw fail('Refused');
                return null;
              },
              do: ({ trace }) => {
                note('third party', trace);
                return thirdParty();
              },
              after: ({ input }) => input,
            }),
          },
          on: (on) => [
            on(shop.placed, ({ data, start: begin, trace }) => {
              note('reaction', trace);
              begin(fulfil, data);
            }),
          ],
        }),
        service(stock, {
          handlers: {
            hold({ input, trace }) {
              note('hold', trace);
              own.observe.log('info', 'held');
              return input;
            },
            release({ input }) {
              seen.ended.push(`${input.id} undone`);
              return input;
            },
            look: ({ input }) => input,
          },
        }),
      ],
      gateway: gateway({ routes: [route('POST /orders', shop.place), route('GET /holds/{id}', stock.look)] }),
    }),
    { dir: join(root, String(folder++)), runtime: own, ...options },
  );
  async function order(id: string, headers: Record<string, string> = {}, end = id, at = running.url): Promise<void> {
    const answer = await fetch(`${at}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ id }),
    });
    assert.equal(answer.status, 200);
    while (!seen.ended.includes(end)) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { running, order, seen };
}

const wanted = [
  'seaworthy_call bank.charge',
  'seaworthy_call shop.place',
  'seaworthy_call stock.hold',
  'seaworthy_external_do bank.charge',
  'seaworthy_gateway_request POST /orders',
  'seaworthy_inbox_handle shop.placed',
  'seaworthy_saga_step charge',
  'seaworthy_saga_step finish',
  'seaworthy_saga_step hold',
  'seaworthy_serve bank.charge',
  'seaworthy_serve shop.place',
  'seaworthy_serve stock.hold',
];
const shown = ({ name, attributes: { operation, route: path, event: type, step } }: SpanRecord): string =>
  `${name} ${operation ?? path ?? type ?? step}`;

test('without OpenTelemetry every span of an order has one trace id, and the batch of the relay links to it', async () => {
  const spans: SpanRecord[] = [];
  const lines: string[] = [];
  const { observe } = telemetry({ spans: (span) => void spans.push(span), destination: { write: (line) => void lines.push(line) } });
  const { running, order, seen } = await open(runtime({ observe }));
  await order('a', { traceparent, tracestate: 'vendor=1' });
  await running.stop();

  const inTrace = spans.filter(({ traceId }) => traceId === given);
  const named = inTrace.filter(({ name }) => name !== 'seaworthy_store_transaction').map(shown);
  assert.deepEqual(named.sort(), wanted);
  const writing = inTrace.filter(({ name, outcome }) => name === 'seaworthy_store_transaction' && outcome === 'committed');
  // Of the bank: the reaction, the intent and the outcome of the charge, and the saga after each of its calls.
  assert.deepEqual(
    Object.entries(Object.groupBy(writing, ({ attributes }) => String(attributes['service']))).map(([name, all]) => [name, all?.length]),
    [
      ['shop', 1],
      ['bank', 5],
      ['stock', 1],
    ],
  );
  assert.deepEqual(
    spans.filter(({ traceId }) => traceId !== given).map(({ name }) => name),
    ['seaworthy_outbox_publish'],
  );

  const one = (text: string): SpanRecord => inTrace.find((span) => shown(span) === text) as SpanRecord;
  const chain = [
    'seaworthy_gateway_request POST /orders',
    'seaworthy_call shop.place',
    'seaworthy_serve shop.place',
    'seaworthy_inbox_handle shop.placed',
    'seaworthy_saga_step hold',
    'seaworthy_call stock.hold',
    'seaworthy_serve stock.hold',
  ];
  assert.equal(one(chain[0] as string).parentSpanId, 'b7ad6b7169203331');
  for (const [index, name] of chain.slice(1).entries()) assert.equal(one(name).parentSpanId, one(chain[index] as string).spanId, name);
  assert.equal(one('seaworthy_external_do bank.charge').parentSpanId, one('seaworthy_serve bank.charge').spanId);
  const publish = spans.find(({ name }) => name === 'seaworthy_outbox_publish');
  assert.deepEqual(publish?.links, [{ traceId: given, spanId: one('seaworthy_serve shop.place').spanId }]);
  assert.equal(publish?.kind, 'producer');

  // Handlers have the trace, can forward it to the third party, and their log lines carry it.
  assert.deepEqual(seen.traces.map(([where]) => where).sort(), ['hold', 'place', 'reaction', 'third party']);
  for (const [where, trace] of seen.traces) {
    assert.equal(trace?.traceparent?.slice(3, 35), given, where);
    assert.equal(trace?.tracestate, 'vendor=1', where);
  }
  const line = JSON.parse(lines.find((text) => text.includes('"held"')) as string) as Record<string, unknown>;
  assert.deepEqual([line['trace_id'], line['span_id']], [given, one('seaworthy_serve stock.hold').spanId]);
});

test('an undo is part of the trace, and a declared error is not a failure', async () => {
  const spans: SpanRecord[] = [];
  const { observe } = telemetry({ level: 'silent', spans: (span) => void spans.push(span) });
  const { running, order } = await open(runtime({ observe }));
  await order('bad', { traceparent }, 'bad undone');
  await running.stop();
  const outcomes = spans
    .filter(({ name }) => name.startsWith('seaworthy_saga'))
    .map((span) => [shown(span), span.outcome, span.traceId, span.error]);
  assert.deepEqual(outcomes, [
    ['seaworthy_saga_step hold', 'done', given, undefined],
    ['seaworthy_saga_step charge', 'declared', given, undefined],
    ['seaworthy_saga_undo hold', 'done', given, undefined],
  ]);
});

test('events and sagas may have traces of their own, which link to what caused them', async () => {
  const spans: SpanRecord[] = [];
  const { observe } = telemetry({ level: 'silent', spans: (span) => void spans.push(span) });
  const { running, order } = await open(runtime({ observe }), { consumer: { follow: 'link' }, sagas: { tracing: 'link' } });
  await order('a', { traceparent });
  await running.stop();
  const one = (text: string): SpanRecord => spans.find((span) => shown(span) === text) as SpanRecord;
  const handled = one('seaworthy_inbox_handle shop.placed');
  assert.deepEqual(handled.links, [{ traceId: given, spanId: one('seaworthy_serve shop.place').spanId }]);
  const step = one('seaworthy_saga_step hold');
  assert.deepEqual(step.links, [{ traceId: handled.traceId, spanId: handled.spanId }]);
  assert.equal(new Set([given, handled.traceId, step.traceId]).size, 3);
  assert.equal(one('seaworthy_serve stock.hold').traceId, step.traceId);
});

test('a trace goes over HTTP, and through services without telemetry', async () => {
  const { running, order, seen } = await open(runtime({ baggage: ['tenant'] }), {
    listen: { services: true },
    gateway: { trust: { baggage: ['tenant', 'other'] } },
  });
  const elsewhere = await open(runtime(), { only: ['gateway'], addresses: running.urls });
  await order('a', { traceparent, baggage: 'tenant=7,other=8,secret=9' });
  assert.equal(seen.traces.length, 4);
  for (const [where, trace] of seen.traces) assert.deepEqual(trace, { traceparent, baggage: 'tenant=7' }, where);
  seen.traces.length = 0;
  await order('b', { traceparent, baggage: 'tenant=7' }, 'b', elsewhere.running.url);
  assert.equal(seen.traces.length, 4);
  for (const [where, trace] of seen.traces) assert.deepEqual(trace, { traceparent }, where);
  await elsewhere.running.stop();
  await running.stop();
});

test('the gateway drops baggage that it does not trust, bounds its size, and ignores malformed headers', async () => {
  const { running, order, seen } = await open(runtime({ baggage: ['tenant'] }));
  await order('a', { baggage: 'tenant=7' });
  await order('b', { traceparent: 'nonsense', tracestate: '===', baggage: '%%%,;;=' });
  assert.deepEqual(
    seen.traces.map(([, trace]) => trace),
    seen.traces.map(() => undefined),
  );
  await running.stop();

  const trusting = await open(runtime({ baggage: Array.from({ length: 5000 }, (_, index) => `k${index}`) }), {
    gateway: { trust: { baggage: Array.from({ length: 5000 }, (_, index) => `k${index}`) } },
  });
  await trusting.order('c', { baggage: Array.from({ length: 1500 }, (_, index) => `k${index}=1`).join(',') });
  assert.equal(trusting.seen.traces.length, 4);
  for (const [, trace] of trusting.seen.traces) assert.equal(baggageOf(trace).size, 64);
  await trusting.running.stop();
});

test('a saga and an intent of a dead process continue in the trace that began them', async () => {
  const dir = join(root, 'left');
  const first = await open(runtime(), { dir, shutdown: { drain: '50ms' } }, () => new Promise(() => {}));
  first.order('a', { traceparent }).catch(() => {});
  while (!first.seen.traces.some(([where]) => where === 'third party')) await new Promise((resolve) => setTimeout(resolve, 5));
  await first.running.stop();
  assert.deepEqual(first.seen.ended.splice(0, 1, 'a'), []);

  const spans: SpanRecord[] = [];
  const { observe } = telemetry({ level: 'silent', spans: (span) => void spans.push(span) });
  const second = await open(runtime({ observe }), { dir });
  while (!second.seen.ended.includes('a')) await new Promise((resolve) => setTimeout(resolve, 5));
  await second.running.stop();
  for (const name of ['seaworthy_external_do bank.charge', 'seaworthy_saga_step charge', 'seaworthy_saga_step finish'])
    assert.ok(
      spans.some((span) => shown(span) === name && span.traceId === given),
      name,
    );
});

test('a gateway that does not trust traces begins its own, which links outside', async () => {
  const spans: SpanRecord[] = [];
  const { observe } = telemetry({ level: 'silent', spans: (span) => void spans.push(span) });
  const { running, order } = await open(runtime({ observe }), { gateway: { trust: { trace: false } } });
  await order('a', { traceparent });
  await running.stop();
  const request = spans.find(({ name }) => name === 'seaworthy_gateway_request');
  assert.notEqual(request?.traceId, given);
  assert.deepEqual(request?.links, [{ traceId: given, spanId: 'b7ad6b7169203331' }]);
});

test('an observer that always throws does not change any outcome', async () => {
  const angry = (): never => {
    throw new Error('angry');
  };
  const listen = (): void => {};
  process.on('warning', listen);
  const spans = telemetry({ level: 'silent', spans: angry }).observe;
  for (const observe of [
    { count: angry, gauge: angry, span: angry, log: angry },
    { ...spans, span: (...all: Parameters<typeof spans.span>) => ({ ...spans.span(...all), run: angry, end: angry }) },
    spans,
  ]) {
    const { running, order, seen } = await open(runtime({ observe }));
    await order('a');
    await order('bad', {}, 'bad undone');
    assert.equal(seen.ended.length, 2);
    await running.stop();
  }
  process.off('warning', listen);
});

test('with the SDK of OpenTelemetry: one trace, names by the conventions, errors, metrics, and links across the outbox', async () => {
  const exporter = new InMemorySpanExporter();
  const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 });
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const meters = new MeterProvider({ readers: [reader] });
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  api.trace.setGlobalTracerProvider(provider);
  api.metrics.setGlobalMeterProvider(meters);
  try {
    const { observe, exposition } = telemetry({ level: 'silent', bridge: openTelemetry(api, { messaging: 'both' }) });
    const { running, order } = await open(runtime({ observe }));
    await order('a', { traceparent });
    await order('bad', { traceparent }, 'bad undone');
    const tracer = api.trace.getTracer('user');
    // A call from a span of the user's own is its child.
    const outer = await tracer.startActiveSpan('own', async (span) => {
      await running.call(stock.look, { id: 'x' });
      span.end();
      return span.spanContext();
    });
    await meters.forceFlush();
    await running.stop();

    const spans = exporter.getFinishedSpans();
    const one = (name: string, kind?: api.SpanKind) =>
      spans.find((span) => span.name === name && (kind === undefined || span.kind === kind)) as (typeof spans)[number];
    const names = [
      'POST /orders',
      'shop/place',
      'process shop',
      'step fulfil.hold',
      'step fulfil.charge',
      'step fulfil.finish',
      'undo fulfil.hold',
      'stock/hold',
      'bank/charge',
      'do bank.charge',
      'transaction',
    ];
    for (const name of names) {
      const found = spans.filter((span) => span.name === name);
      assert.ok(found.length > 0, name);
      for (const span of found) assert.equal(span.spanContext().traceId, given, name);
    }
    const send = one('send shop');
    assert.equal(send.kind, api.SpanKind.PRODUCER);
    assert.deepEqual(
      send.links.map(({ context }) => context.traceId),
      [given],
    );
    assert.equal(send.links[0]?.context.spanId, one('shop/place', api.SpanKind.SERVER).spanContext().spanId);
    const processed = one('process shop');
    assert.equal(processed.kind, api.SpanKind.CONSUMER);
    assert.equal(processed.parentSpanContext?.spanId, one('shop/place', api.SpanKind.SERVER).spanContext().spanId);
    const { attributes } = processed;
    assert.equal(attributes['messaging.destination.name'], 'shop');
    assert.equal(attributes['messaging.operation'], 'process');
    assert.equal(attributes['messaging.operation.type'], 'process');
    assert.equal(attributes['messaging.consumer.group.name'], 'bank');
    assert.match(String(attributes['messaging.message.id']), /^[0-9a-f-]{36}$/);
    assert.equal(one('POST /orders').attributes['http.response.status_code'], 200);
    assert.equal(one('stock/look', api.SpanKind.CLIENT).parentSpanContext?.spanId, outer.spanId);

    const all = metrics.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    const calls = all.find(({ descriptor }) => descriptor.name === 'seaworthy_call_seconds');
    assert.equal(calls?.descriptor.unit, 's');
    const counted = calls?.dataPoints.find((point) => point.attributes['operation'] === 'shop.place')?.value as { count: number };
    assert.equal(counted.count, 2);
    for (const name of ['seaworthy_outbox_published_total', 'seaworthy_saga_stuck', 'seaworthy_breaker_state']) {
      assert.ok(
        all.some(({ descriptor }) => descriptor.name === name),
        name,
      );
    }
    assert.match(exposition(), /^seaworthy_call_seconds_count\{operation="shop.place",outcome="output",service="gateway"\} 2$/m);
  } finally {
    api.context.disable();
    api.trace.disable();
    api.metrics.disable();
    await provider.shutdown();
    await meters.shutdown();
  }
});
