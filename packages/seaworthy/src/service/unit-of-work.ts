import { Lifetime } from '../core/lifetime.ts';
import type { Span } from '../core/observe.ts';
import type { Runtime } from '../core/runtime.ts';
import type { TraceContext } from '../core/trace.ts';
import { runHandler } from '../outbox/handler-run.ts';
import type { Collector } from '../outbox/outbox.ts';
import type { Started } from '../saga/engine.ts';
import type { Isolation, Store, Tx } from '../store/store.ts';
import { type TracedOptions, transaction } from '../store/traced.ts';
import type { TransactionContext } from './context.ts';
import { type Failing, failing } from './failing.ts';

/** Makes collectors for what a handler leaves to the relay and to the saga engine: new ones for each run of a handler. */
export interface Collectors {
  /** `trace` is what the events are part of. */
  publishing(tx: unknown, trace: TraceContext | undefined): Collector<Record<string, never>>;
  /** `trace` is what the sagas are part of. */
  starting(tx: unknown, trace: TraceContext | undefined): Started;
}

/** What the handlers of one service need to run. */
export interface UnitDeps {
  readonly store: Store<unknown, unknown>;
  readonly runtime: Runtime;
  readonly collectors: Collectors;
  /** The isolation of their transactions. */
  readonly isolation: Isolation;
}

/** Names one run of a handler. */
export interface RunOf {
  /** The name of the run in errors: `the handler of orders.place`. */
  readonly name: string;
  /** The trace that its events and sagas are part of. */
  readonly trace: TraceContext | undefined;
}

/** What every handler with a transaction is given. */
export type Given = TransactionContext<string, Record<string, never>, unknown>;

/** One run of a transaction, and what its handler adds to it: rows, events, and sagas that it starts and stops. */
export class UnitOfWork {
  readonly #deps: UnitDeps;
  readonly #tx: unknown;
  #starts: Started | undefined;
  /** The toolkit's own statements in the transaction. */
  readonly sql: Tx;
  /** The time at which the run began, in milliseconds since the epoch. */
  readonly now: number;

  constructor(deps: UnitDeps, tx: unknown) {
    this.#deps = deps;
    this.#tx = tx;
    this.sql = deps.store.sql(tx);
    this.now = deps.runtime.clock.now();
  }

  /**
   * Runs a handler, once for each unit, and writes what it published and started. What the handler was given ends with it. Returns what
   * `accept` makes of the value that it returned. Throws `NotAwaited` when something that it began is still open, `FailureNotThrown`
   * when it returned although it had made a failure, and `RefusalNotReturned` when it did not return the refusal that it had made:
   * let the transaction, or a savepoint around the run, roll back.
   */
  async run<V>(
    { name, trace }: RunOf,
    handle: (given: Given, failing: Failing) => unknown,
    accept: (returned: unknown) => V | PromiseLike<V>,
  ): Promise<V> {
    const { store, runtime, collectors } = this.#deps;
    const { sql, now } = this;
    const life = new Lifetime(name, runtime.observe);
    const events = collectors.publishing(this.#tx, trace);
    const starts = collectors.starting(this.#tx, trace);
    const failures = failing(life, () => sql.level);
    const lent = { start: life.lend('start', starts.start), stop: life.lend('stop', starts.stop) };
    const accepted = await runHandler(
      { store, tx: this.#tx, life, events },
      (given) => handle({ ...given, ...lent, now, newId: runtime.ids.next, trace }, failures),
      accept,
      failures.verify,
    );
    await starts.write(sql);
    this.#starts = starts;
    return accepted;
  }

  /** Hands what was started to the saga engine, after the commit. A run that was rolled back has written nothing. */
  committed(): void {
    this.#starts?.committed();
  }
}

/**
 * Runs `work` in one transaction, as a span of whatever it is part of. A conflict repeats it, each time with a new unit of work; what
 * the committed one has written takes effect after the commit.
 */
export async function unitOfWork<V>(
  deps: UnitDeps,
  span: Pick<Span, 'trace'>,
  work: (unit: UnitOfWork, span: Span) => Promise<V>,
  options?: TracedOptions,
): Promise<V> {
  let unit: UnitOfWork | undefined;
  const value = await transaction(
    deps,
    span,
    (tx, within) => {
      unit = new UnitOfWork(deps, tx);
      return work(unit, within);
    },
    { isolation: deps.isolation, ...options },
  );
  unit?.committed();
  return value;
}
