import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, systemClock } from '../core/clock.ts';
import { type Attributes, guarded, type Observe } from '../core/observe.ts';
import { checkOptions, type OptionNames } from '../core/options.ts';
import { type Random, systemRandom } from '../core/random.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Bridge } from './bridge.ts';
import { type LogOptions, logs } from './logs.ts';
import { metrics } from './metrics.ts';
import { type SpanRecord, tracer } from './tracer.ts';

/** The options of telemetry. */
export interface TelemetryOptions extends LogOptions {
  /** The clock for durations. Default the machine's. */
  readonly clock?: Clock;
  /** Gets each sampled span when it ends. Default none: spans are only measured, and their ids are in the logs. */
  readonly spans?: (span: SpanRecord) => void;
  /** The share, from 0 to 1, of the traces begun here that are sampled; a continued trace keeps its own decision. Default 1. */
  readonly sample?: number;
  /** The source of trace ids. Default the machine's. */
  readonly random?: Random;
  /** Sends spans and metrics to OpenTelemetry too, which then samples and makes the ids: `openTelemetry(api)`. Default none. */
  readonly bridge?: Bridge;
}

const names: OptionNames<TelemetryOptions> = {
  ...{ level: true, destination: true, clock: true, spans: true, sample: true, random: true, bridge: true },
};

/** The metrics, traces and logs of one process. */
export interface Telemetry {
  /** The port for the runtime, through which every module reports. */
  readonly observe: Observe;
  /** Returns the metrics as text for Prometheus. */
  exposition(): string;
}

/** Makes metrics, traces and JSON logs (pino). Each span is measured in the histogram `<name>_seconds`, labelled with its outcome. */
export function telemetry(options: TelemetryOptions = {}): Telemetry {
  checkOptions('telemetry', options, names);
  const { clock = systemClock, random = systemRandom, sample = 1, spans, bridge } = options;
  // An error of the bridge must not lose a metric or a log line.
  const beyond = bridge && guarded({ count: bridge.count, gauge: bridge.gauge, span: bridge.span, log: () => {} });
  const traces = bridge ?? tracer({ clock, random, sample, spans });
  const begin = beyond?.span ?? traces.span;
  const current = (): TraceContext | undefined => {
    try {
      return traces.current();
    } catch {
      return undefined; // the log line is written without its trace
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
      span(name, attributes = none, spanOptions) {
        const measure = `${name}_seconds`;
        const began = clock.monotonic();
        const span = begin(name, attributes, spanOptions);
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
