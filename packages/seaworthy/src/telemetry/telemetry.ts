import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, systemClock } from '../core/clock.ts';
import { type Attributes, guarded, type Observe } from '../core/observe.ts';
import { type Random, systemRandom } from '../core/random.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Bridge } from './bridge.ts';
import { type LogOptions, logs } from './logs.ts';
import { metrics } from './metrics.ts';
import { type SpanRecord, tracer } from './tracer.ts';

export interface TelemetryOptions extends LogOptions {
  readonly clock?: Clock;
  /** Gets each sampled span when it ends. Default none: spans are measured, and their ids are in the logs. */
  readonly spans?: (span: SpanRecord) => void;
  /** Share of the traces that begin here, from 0 to 1, which are sampled; who continues a trace does as it says. Default 1. */
  readonly sample?: number;
  /** Where trace ids come from. */
  readonly random?: Random;
  /** Sends spans and metrics to OpenTelemetry too, which then samples and makes the ids: `openTelemetry(api)`. */
  readonly bridge?: Bridge;
}

/** Metrics, traces and logs of one process, behind the port that every room reports through. */
export interface Telemetry {
  readonly observe: Observe;
  /** Prometheus text. */
  exposition(): string;
}

/** Opens metrics, traces and JSON logs (pino). A span becomes the histogram `<name>_seconds`, labelled with its outcome. */
export function telemetry(options: TelemetryOptions = {}): Telemetry {
  const { clock = systemClock, random = systemRandom, sample = 1, spans, bridge } = options;
  // What the bridge throws costs no metric and no log line of ours.
  const beyond = bridge && guarded({ count: bridge.count, gauge: bridge.gauge, span: bridge.span, log: () => {} });
  const traces = bridge ?? tracer({ clock, random, sample, spans });
  const begin = beyond?.span ?? traces.span;
  const current = (): TraceContext | undefined => {
    try {
      return traces.current();
    } catch {
      return undefined; // a line of the log goes out all the same, without its trace
    }
  };
  const counted = metrics();
  const none: Attributes = {};
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const started = clock.monotonic();
  counted.gauge('process_resident_memory_bytes', none, () => process.memoryUsage.rss());
  counted.gauge('process_uptime_seconds', none, () => (clock.monotonic() - started) / 1000);
  counted.gauge('seaworthy_event_loop_delay_p99_seconds', none, () => delay.percentile(99) / 1e9);
  return {
    exposition: counted.exposition,
    observe: {
      count(name, attributes = none, by = 1) {
        counted.add(name, attributes, by);
        beyond?.count(name, attributes, by);
      },
      gauge(name, attributes, read) {
        const removals = [counted.gauge(name, attributes, read), beyond?.gauge(name, attributes, read)];
        return () => {
          for (const remove of removals) remove?.();
        };
      },
      span(name, attributes = none, place) {
        const measure = `${name}_seconds`;
        const began = clock.monotonic();
        const span = begin(name, attributes, place);
        return {
          trace: span.trace,
          run: span.run,
          note: span.note,
          end(outcome, error) {
            const seconds = (clock.monotonic() - began) / 1000;
            counted.observe(measure, attributes, outcome, seconds);
            span.end(outcome, error);
            bridge?.measure(measure, { ...attributes, outcome }, seconds);
          },
        };
      },
      log: logs(options, current),
    },
  };
}
