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
  span(name: string, attributes?: Attributes): Span;
  log(level: Level, message: string, attributes?: Readonly<Record<string, unknown>>): void;
}

export interface Span {
  /** `outcome` is a word such as `ok`, `declared`, `timeout`. */
  end(outcome: string): void;
}

const nothing: Span = { end: () => {} };

/** Reports nowhere, at next to no cost. */
export const silent: Observe = { count: () => {}, gauge: () => () => {}, span: () => nothing, log: () => {} };

/** The same port, whose implementation cannot harm the work: what it throws becomes a process warning, once for each message. */
export function guarded(observe: Observe): Observe {
  if (observe === silent) return observe;
  const warned = new Set<string>();
  const safely = <T>(work: () => T, otherwise: T): T => {
    try {
      return work();
    } catch (error) {
      const message = `an observer threw, its report is lost: ${String(error)}`;
      if (warned.size < 100 && !warned.has(message)) {
        warned.add(message);
        process.emitWarning(message, 'SeaworthyObserver');
      }
      return otherwise;
    }
  };
  return {
    count: (name, attributes, by) => safely(() => observe.count(name, attributes, by), undefined),
    gauge: (name, attributes, read) => {
      const remove = safely(
        () => observe.gauge(name, attributes, read),
        () => {},
      );
      return () => safely(remove, undefined);
    },
    span: (name, attributes) => {
      const span = safely(() => observe.span(name, attributes), nothing);
      return { end: (outcome) => safely(() => span.end(outcome), undefined) };
    },
    log: (level, message, attributes) => safely(() => observe.log(level, message, attributes), undefined),
  };
}
