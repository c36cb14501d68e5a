import { textOf } from './thrown.ts';
import type { TraceContext } from './trace.ts';

export type Attributes = Readonly<Record<string, string | number | boolean>>;
export type Level = 'debug' | 'info' | 'warn' | 'error';

/**
 * The port that every room reports through. Attributes have few distinct values each (an operation, an
 * outcome, never an id), except those of `log`. What an implementation throws never changes the work it watches.
 */
export interface Observe {
  /** Adds to a counter. */
  count(name: string, attributes?: Attributes, by?: number): void;
  /** Registers a value to be read when somebody looks. Returns how to take it away. */
  gauge(name: string, attributes: Attributes, read: () => number): () => void;
  /** Begins a piece of work: its duration and outcome are recorded when it ends. */
  span(name: string, attributes?: Attributes, place?: Place): Span;
  /** `trace` is what it belongs to. Default the span that runs (`Span.run`). */
  log(level: Level, message: string, attributes?: Readonly<Record<string, unknown>>, trace?: TraceContext): void;
}

/** Where a span stands in its trace. */
export interface Place {
  /** Default `internal`. */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** What caused it. Default, unless it is a `root`, the span that runs. */
  readonly parent?: TraceContext | undefined;
  /** Begins a trace of its own when it has no parent: work in the background belongs to nobody who happens to run. */
  readonly root?: boolean;
  /** What else led to it, such as the writers of the events in a batch. */
  readonly links?: readonly TraceContext[];
  /** For the trace alone: here an id has its place. */
  readonly detail?: Attributes;
}

export interface Span {
  /** What those have for a parent whom it causes. Without tracing it is its own parent, passed on. */
  readonly trace: TraceContext | undefined;
  /** Calls `work` as what runs now, for logs and for libraries that look for the active span. */
  run<V>(work: () => V): V;
  /** Adds to what is known of it, for the trace alone: here an id has its place. */
  note(detail: Attributes): void;
  /** `outcome` is a word such as `ok`, `declared`, `timeout`; with an `error` it is a failure. */
  end(outcome: string, error?: unknown): void;
}

const run = <V>(work: () => V): V => work();
const note = (): void => {};
const end = (): void => {};
const nothing: Span = { trace: undefined, run, note, end };
const passing = (place: Place | undefined): Span => (place?.parent === undefined ? nothing : { trace: place.parent, run, note, end });

/** Reports nowhere, at next to no cost. A trace that came from elsewhere is passed on as it is. */
export const silent: Observe = {
  count: () => {},
  gauge: () => () => {},
  span: (_name, _attributes, place) => passing(place),
  log: () => {},
};

/** `work` runs once and its outcome is its own, whatever `within` does around it. */
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

/** The same port, whose implementation cannot harm the work: what it throws becomes a process warning, once for each message. */
export function guarded(observe: Observe): Observe {
  if (observe === silent) return observe;
  const warned = new Set<string>();
  const warn = (error: unknown): void => {
    const message = `an observer threw, its report is lost: ${textOf(error)}`;
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
    note(detail) {
      try {
        span.note(detail);
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
    span(name, attributes, place) {
      try {
        return guardedSpan(observe.span(name, attributes, place));
      } catch (error) {
        warn(error);
        return passing(place);
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
  // What is silent cannot throw, and stays as cheap as it is.
  return {
    count: observe.count === silent.count ? silent.count : safe.count,
    gauge: observe.gauge === silent.gauge ? silent.gauge : safe.gauge,
    span: observe.span === silent.span ? silent.span : safe.span,
    log: observe.log === silent.log ? silent.log : safe.log,
  };
}
