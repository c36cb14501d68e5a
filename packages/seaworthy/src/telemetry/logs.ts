import { type DestinationStream, type Logger, pino } from 'pino';
import { type Observe, silent } from '../core/observe.ts';
import { described } from '../core/thrown.ts';
import { parseTraceparent, type TraceContext } from '../core/trace.ts';

export interface LogOptions {
  /** Default `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where log lines go. Default standard output. */
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

/** What a log line says of its trace, by the names of OpenTelemetry's logs (https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/). */
function identified(trace: TraceContext | undefined): object | undefined {
  const parsed = parseTraceparent(trace?.traceparent);
  return parsed && { trace_id: parsed.traceId, span_id: parsed.spanId };
}

/** Writes JSON lines (pino). `current` is the trace of those that bring none. */
export function logs(options: LogOptions, current: () => TraceContext | undefined = () => undefined): Observe['log'] {
  const log = logger(options);
  return (level, message, attributes, trace = current()) => {
    if (log.isLevelEnabled(level)) log[level]({ ...identified(trace), ...attributes }, message);
  };
}

/** Writes log lines and reports nothing else: what is counted and measured costs no more than in silence. */
export const logsAlone = (options: LogOptions): Observe => ({ ...silent, log: logs(options) });
