import { type DestinationStream, type Logger, pino } from 'pino';
import { type Observe, silent } from '../core/observe.ts';
import { described } from '../core/thrown.ts';
import { parseTraceparent, type TraceContext } from '../core/trace.ts';

/** The options of the log. */
export interface LogOptions {
  /** The lowest level that is written. Default `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** The destination of log lines. Default standard output. */
  readonly destination?: DestinationStream;
}

function logger({ level = 'info', destination }: LogOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: described },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** Returns the ids of a trace under the names of OpenTelemetry's logs (https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/). */
function identified(trace: TraceContext | undefined): object | undefined {
  const parsed = parseTraceparent(trace?.traceparent);
  return parsed && { trace_id: parsed.traceId, span_id: parsed.spanId };
}

/** Makes a log of JSON lines (pino). `current` returns the trace of lines without their own. */
export function logs(options: LogOptions, current: () => TraceContext | undefined = () => undefined): Observe['log'] {
  const log = logger(options);
  return (level, message, attributes, trace = current()) => {
    if (log.isLevelEnabled(level)) log[level]({ ...identified(trace), ...attributes }, message);
  };
}

/** Makes an observer that writes log lines and reports nothing else, at almost no cost. */
export const logsAlone = (options: LogOptions): Observe => ({ ...silent, log: logs(options) });
