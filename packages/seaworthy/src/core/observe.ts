import { textOf } from './thrown.ts';
import type { TraceContext } from './trace.ts';

export type Attributes = Readonly<Record<string, string | number | boolean>>;
export type Level = 'debug' | 'info' | 'warn' | 'error';

/**
 * The port through which every module reports. Attributes have few distinct values (an operation, an outcome, never an id), except those
 * of `log`. An error that an implementation throws never changes the observed work.
 */
export interface Observe {
  /** Adds to a counter. */
  count(name: string, attributes?: Attributes, by?: number): void;
  /** Registers a gauge, which is read on demand. Returns a function that removes it. */
  gauge(name: string, attributes: Attributes, read: () => number): () => void;
  /** Starts a span; its duration and outcome are recorded when it ends. */
  span(name: string, attributes?: Attributes, options?: SpanOptions): Span;
  /** Writes a log entry of a trace. Default the trace of the current span (`Span.run`). */
  log(level: Level, message: string, attributes?: Readonly<Record<string, unknown>>, trace?: TraceContext): void;
}

/** The options of a span. */
export interface SpanOptions {
  /** The kind of the span. Default `internal`. */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** The trace that caused the span. Default the current span, unless the span is a `root`. */
  readonly parent?: TraceContext | undefined;
  /** Starts a new trace if there is no parent. Background work sets this, since the current span is not its cause. Default false. */
  readonly root?: boolean;
  /** Further causes, such as the writers of the events in a batch. Default none. */
  readonly links?: readonly TraceContext[];
  /** The attributes that only the trace gets, such as an id. Default none. */
  readonly spanAttributes?: Attributes;
}

/** A span in progress. */
export interface Span {
  /** The trace for work that the span causes. Without tracing it is the parent, passed on. */
  readonly trace: TraceContext | undefined;
  /** Runs `work` with the span as the current one, for logs and for libraries that look for the active span. */
  run<V>(work: () => V): V;
  /** Adds attributes that only the trace gets, such as an id. */
  note(attributes: Attributes): void;
  /** Ends the span with an outcome such as `ok`, `declared` or `timeout`; an `error` marks it as failed. */
  end(outcome: string, error?: unknown): void;
}

const run = <V>(work: () => V): V => work();
const note = (): void => {};
const end = (): void => {};
const nothing: Span = { trace: undefined, run, note, end };
const passing = (options: SpanOptions | undefined): Span =>
  options?.parent === undefined ? nothing : { trace: options.parent, run, note, end };

/** An observer that reports nowhere, at almost no cost. A received trace is passed on unchanged. */
export const silent: Observe = {
  count: () => {},
  gauge: () => () => {},
  span: (_name, _attributes, options) => passing(options),
  log: () => {},
};

/** Runs `work` exactly once and returns its outcome, whatever `within` does. */
function once<V>(work: () => V, within: (work: () => void) => void): V {
  let settled: { readonly value: V } | { readonly error: unknown } | undefined;
  const tried = (): void => {
    if (settled) return;
    try {
      settled = { value: work() };
    } catch (error) {
      settled = { error };
    }
  };
  within(tried);
  tried();
  const outcome = settled as unknown as { readonly value: V } | { readonly error: unknown };
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

/** Wraps an observer so that it cannot affect the work: each error that it throws becomes a process warning, once for each message. */
export function guarded(observe: Observe): Observe {
  if (observe === silent) return observe;
  const warned = new Set<string>();
  const warn = (error: unknown): void => {
    const message = `an observer threw, and its report was lost: ${textOf(error)}`;
    if (warned.size >= 100 || warned.has(message)) return;
    warned.add(message);
    process.emitWarning(message, 'SeaworthyObserver');
  };
  const guardedSpan = (span: Span): Span => ({
    trace: span.trace,
    run: (work) =>
      once(work, (guardedWork) => {
        try {
          span.run(guardedWork);
        } catch (error) {
          warn(error);
        }
      }),
    note(attributes) {
      try {
        span.note(attributes);
      } catch (thrown) {
        warn(thrown);
      }
    },
    end(outcome, error) {
      try {
        span.end(outcome, error);
      } catch (thrown) {
        warn(thrown);
      }
    },
  });
  const safe: Observe = {
    count(name, attributes, by) {
      try {
        observe.count(name, attributes, by);
      } catch (error) {
        warn(error);
      }
    },
    gauge(name, attributes, read) {
      let remove = (): void => {};
      try {
        remove = observe.gauge(name, attributes, read);
      } catch (error) {
        warn(error);
      }
      return () => {
        try {
          remove();
        } catch (error) {
          warn(error);
        }
      };
    },
    span(name, attributes, options) {
      try {
        return guardedSpan(observe.span(name, attributes, options));
      } catch (error) {
        warn(error);
        return passing(options);
      }
    },
    log(level, message, attributes, trace) {
      try {
        observe.log(level, message, attributes, trace);
      } catch (error) {
        warn(error);
      }
    },
  };
  // Silent methods cannot throw, and unwrapped they stay cheap.
  return {
    count: observe.count === silent.count ? silent.count : safe.count,
    gauge: observe.gauge === silent.gauge ? silent.gauge : safe.gauge,
    span: observe.span === silent.span ? silent.span : safe.span,
    log: observe.log === silent.log ? silent.log : safe.log,
  };
}
