import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import * as api from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { guarded } from '../core/observe.ts';
import type { Bridge } from './bridge.ts';
import { openTelemetry } from './opentelemetry.ts';
import { messagingNames } from './semconv.ts';
import { telemetry } from './telemetry.ts';

const trace = '0af7651916cd43dd8448eb211c80319c';
const parent = { traceparent: `00-${trace}-b7ad6b7169203331-01`, tracestate: 'vendor=1', baggage: 'tenant=7' };

function sdk(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  api.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  return exporter;
}
afterEach(() => {
  api.context.disable();
  api.trace.disable();
});

test('without an SDK a trace is passed on unchanged', () => {
  const bridge = openTelemetry(api);
  const span = bridge.span('seaworthy_serve', {}, { kind: 'server', parent });
  assert.deepEqual(span.trace, parent);
  assert.equal(
    span.run(() => 7),
    7,
  );
  span.end('ok');
  assert.equal(bridge.span('seaworthy_call', {}).trace, undefined);
  assert.equal(bridge.current(), undefined);
  bridge.count('a', {}, 1);
  bridge.measure('a', {}, 1);
  bridge.gauge('b', {}, () => 1)();
});

test('an error sets the status, an exception event and the error type of its span', () => {
  const exporter = sdk();
  const bridge = openTelemetry(api);
  const error = Object.assign(new Error('the bank is closed'), { code: 'SW_CALL_FAILED' });
  bridge.span('seaworthy_call', { operation: 'bank.charge' }, { kind: 'client', parent }).end('unavailable', error);
  bridge.span('seaworthy_call', { operation: 'bank.charge' }, { kind: 'client', parent }).end('declared');
  const [failed, declared] = exporter.getFinishedSpans();
  assert.deepEqual(failed?.status, { code: api.SpanStatusCode.ERROR, message: 'the bank is closed' });
  assert.equal(failed?.events[0]?.name, 'exception');
  assert.equal(failed?.attributes['error.type'], 'SW_CALL_FAILED');
  assert.equal(failed?.attributes['rpc.method'], 'bank/charge');
  assert.equal(declared?.status.code, api.SpanStatusCode.UNSET);
  assert.equal(declared?.attributes['seaworthy.outcome'], 'declared');
});

test('a trace keeps its state and baggage; the current span is the default parent', () => {
  const exporter = sdk();
  const bridge = openTelemetry(api);
  const outer = bridge.span('outer', {}, { parent });
  assert.match(outer.trace?.traceparent ?? '', new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
  assert.deepEqual([outer.trace?.tracestate, outer.trace?.baggage], ['vendor=1', 'tenant=7']);
  outer.run(() => {
    assert.equal(bridge.current()?.traceparent, outer.trace?.traceparent);
    bridge.span('inner', {}).end('ok');
    bridge.span('root', {}, { root: true }).end('ok');
  });
  assert.throws(() => outer.run(() => assert.fail('own')), /own/);
  const [inner, root] = exporter.getFinishedSpans();
  assert.equal(inner?.parentSpanContext?.spanId, outer.trace?.traceparent?.slice(36, 52));
  assert.equal(root?.parentSpanContext, undefined);
});

test('under an instrumented HTTP server its span is the parent, not the header', () => {
  const exporter = sdk();
  const bridge = openTelemetry(api);
  bridge.span('http server', {}, { parent }).run(() => {
    bridge.span('seaworthy_serve', { operation: 'a.b' }, { kind: 'server', parent }).end('output');
    bridge.span('seaworthy_saga_step', { saga: 'a', step: 'b' }, { parent }).end('done');
  });
  const [serve, step] = exporter.getFinishedSpans();
  assert.notEqual(serve?.parentSpanContext?.spanId, 'b7ad6b7169203331');
  assert.equal(serve?.parentSpanContext?.traceId, trace);
  assert.equal(step?.parentSpanContext?.spanId, 'b7ad6b7169203331');
});

test('messaging spans have the names that OTEL_SEMCONV_STABILITY_OPT_IN selects', () => {
  assert.deepEqual([undefined, '', 'http', 'messaging', 'http, messaging', 'messaging,messaging/dup'].map(messagingNames), [
    'old',
    'old',
    'old',
    'new',
    'new',
    'both',
  ]);
  const exporter = sdk();
  const spanOptions = { kind: 'producer', root: true, spanAttributes: { topic: 'orders', count: 3 } } as const;
  const before = process.env['OTEL_SEMCONV_STABILITY_OPT_IN'];
  process.env['OTEL_SEMCONV_STABILITY_OPT_IN'] = 'messaging';
  openTelemetry(api).span('seaworthy_outbox_publish', { service: 'orders' }, spanOptions).end('ok');
  if (before === undefined) delete process.env['OTEL_SEMCONV_STABILITY_OPT_IN'];
  else process.env['OTEL_SEMCONV_STABILITY_OPT_IN'] = before;
  openTelemetry(api, { messaging: 'old' }).span('seaworthy_outbox_publish', { service: 'orders' }, spanOptions).end('ok');
  const [recent, old] = exporter.getFinishedSpans();
  assert.deepEqual([recent?.name, old?.name], ['send orders', 'orders publish']);
  assert.deepEqual([recent?.attributes['messaging.operation.type'], recent?.attributes['messaging.operation']], ['send', undefined]);
  assert.deepEqual([old?.attributes['messaging.operation.type'], old?.attributes['messaging.operation']], [undefined, 'publish']);
  assert.equal(recent?.attributes['messaging.batch.message_count'], 3);
});

test('a bridge that throws loses no metric and no log line and changes no outcome', async () => {
  const angry = (): never => {
    throw new Error('angry bridge');
  };
  const warnings: string[] = [];
  const listen = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', listen);
  const bridge: Bridge = { span: angry, current: angry, count: angry, gauge: angry, measure: angry };
  const lines: string[] = [];
  const { observe: bare, exposition } = telemetry({ bridge, destination: { write: (line) => void lines.push(line) } });
  const observe = guarded(bare);
  observe.count('calls_total');
  observe.gauge('waiting', {}, () => 7);
  const span = observe.span('work', {}, { parent });
  assert.deepEqual(span.trace, parent);
  assert.equal(
    span.run(() => 'done'),
    'done',
  );
  span.end('ok');
  observe.log('info', 'written');
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  assert.match(exposition(), /^calls_total 1$/m);
  assert.match(exposition(), /^waiting 7$/m);
  assert.match(exposition(), /^work_seconds_count\{outcome="ok"\} 1$/m);
  assert.equal(lines.length, 1);
  assert.ok(warnings.some((text) => text.includes('angry bridge')));
});
