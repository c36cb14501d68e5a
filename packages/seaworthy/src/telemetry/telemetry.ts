import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type DestinationStream, type Logger, pino } from 'pino';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Attributes, Observe } from '../core/observe.ts';
import { metrics } from './metrics.ts';

export interface TelemetryOptions {
  /** Default `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where log lines go. Default standard output. */
  readonly destination?: DestinationStream;
  readonly clock?: Clock;
}

/** Metrics and logs of one process, behind the port that every room reports through. */
export interface Telemetry {
  readonly observe: Observe;
  /** Prometheus text. */
  exposition(): string;
}

interface Coded {
  readonly code?: unknown;
}

/** An error with its code and its causes, innermost last. */
function described(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as Coded;
  return {
    type: error.name,
    ...(code !== undefined && { code }),
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && { cause: described(error.cause) }),
  };
}

function logger({ level = 'info', destination }: TelemetryOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: described },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** Opens metrics and JSON logs (pino). A span becomes the histogram `<name>_seconds`, labelled with its outcome. */
export function telemetry(options: TelemetryOptions = {}): Telemetry {
  const { clock = systemClock } = options;
  const counted = metrics();
  const log = logger(options);
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
      count: (name, attributes = none, by = 1) => counted.add(name, attributes, by),
      gauge: counted.gauge,
      span(name, attributes = none) {
        const began = clock.monotonic();
        return { end: (outcome) => counted.observe(`${name}_seconds`, { ...attributes, outcome }, (clock.monotonic() - began) / 1000) };
      },
      log: (level, message, attributes = {}) => log[level](attributes, message),
    },
  };
}

/** The same port, with attributes that every report then carries, such as the service's name. */
export function labelled(observe: Observe, constant: Attributes): Observe {
  return {
    count: (name, attributes, by) => observe.count(name, { ...constant, ...attributes }, by),
    gauge: (name, attributes, read) => observe.gauge(name, { ...constant, ...attributes }, read),
    span: (name, attributes) => observe.span(name, { ...constant, ...attributes }),
    log: (level, message, attributes) => observe.log(level, message, { ...constant, ...attributes }),
  };
}
