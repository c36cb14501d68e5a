import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeaworthyError } from '../core/errors.ts';
import { silent } from '../core/observe.ts';
import { runtime } from '../core/runtime.ts';
import { virtualClock } from '../testing/clock.ts';
import { labelled } from './labelled.ts';
import { logsAlone } from './logs.ts';
import { metrics } from './metrics.ts';
import { telemetry } from './telemetry.ts';

test('counters, gauges and histograms are written in the format of Prometheus', async () => {
  const clock = virtualClock();
  const { observe, exposition } = telemetry({ level: 'silent', clock });
  observe.count('calls_total', { to: 'a' });
  observe.count('calls_total', { to: 'a' }, 2);
  const remove = observe.gauge('waiting', {}, () => 7);
  const span = observe.span('work', { what: 'x' });
  await clock.advance(30);
  span.end('ok');
  const text = exposition();
  assert.match(text, /^# TYPE calls_total counter\ncalls_total\{to="a"\} 3$/m);
  assert.match(text, /^waiting 7$/m);
  assert.match(text, /^work_seconds_bucket\{outcome="ok",what="x",le="0.025"\} 0$/m);
  assert.match(text, /^work_seconds_bucket\{outcome="ok",what="x",le="0.05"\} 1$/m);
  assert.match(text, /^work_seconds_bucket\{outcome="ok",what="x",le="\+Inf"\} 1$/m);
  assert.match(text, /^work_seconds_sum\{outcome="ok",what="x"\} 0.03$/m);
  assert.match(text, /^process_resident_memory_bytes \d+$/m);
  remove();
  assert.doesNotMatch(exposition(), /^waiting 7$/m);
});

test('labels are escaped, so that Prometheus can read every line', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }), (values) => {
      const all = metrics();
      for (const value of values) all.add('things_total', { label: value, other: 1 }, 1);
      for (const line of all.exposition().split('\n')) {
        assert.match(line, /^$|^# TYPE things_total counter$|^things_total\{label="(?:[^"\\\n]|\\\\|\\"|\\n)*",other="1"\} \d+$/);
      }
    }),
  );
});

test('further values of a label are counted in one overflow series', () => {
  const all = metrics();
  for (let index = 0; index < 2000; index++) all.add('ids_total', { id: index }, 1);
  const lines = all
    .exposition()
    .split('\n')
    .filter((line) => line.startsWith('ids_total'));
  assert.equal(lines.length, 501);
  assert.ok(lines.includes('ids_total{overflow="true"} 1500'));
});

test('log lines are JSON with the error, its code and causes, and the labels', () => {
  class Odd extends SeaworthyError {
    readonly code = 'SW_DURATION_INVALID';
    readonly kind = 'invalid';
  }
  const lines: string[] = [];
  const { observe } = telemetry({ destination: { write: (line) => void lines.push(line) } });
  labelled(observe, { service: 'orders' }).log('warn', 'something', { error: new Odd('outer', { cause: new Error('inner') }) });
  observe.log('debug', 'not at this level');
  assert.equal(lines.length, 1);
  const { level, service, msg, error = {} } = JSON.parse(lines[0] as string) as Record<string, Record<string, unknown>>;
  assert.deepEqual([level, service, msg], ['warn', 'orders', 'something']);
  assert.deepEqual(
    [error['code'], error['message'], (error['cause'] as Record<string, unknown>)['message']],
    ['SW_DURATION_INVALID', 'outer', 'inner'],
  );
});

test('logsAlone measures and counts nothing, also behind labels and guards', () => {
  const lines: string[] = [];
  const alone = logsAlone({ destination: { write: (line) => void lines.push(line) } });
  const observe = labelled(runtime({ observe: alone }).observe, { service: 'orders' });
  assert.deepEqual([observe.count, observe.gauge, observe.span], [silent.count, silent.gauge, silent.span]);
  observe.log('warn', 'something', {}, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
  const { msg, service, trace_id: id } = JSON.parse(lines[0] as string) as Record<string, unknown>;
  assert.deepEqual([msg, service, id], ['something', 'orders', '0af7651916cd43dd8448eb211c80319c']);
});
