import { Lifetime } from '../core/lifetime.ts';
import type { Runtime } from '../core/runtime.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Publish } from '../outbox/publish.ts';
import type { Start, Stop } from '../saga/definition.ts';
import { lentTx } from '../store/lent.ts';
import type { Store, Tx } from '../store/store.ts';
import { type Failing, failing } from './failing.ts';

/** What one room collects of one run of one handler. It begins empty at each run, since a conflict may repeat it. */
export interface Collected {
  /** Writes it with the handler's transaction. Returns how many rows. */
  write(tx: Tx): Promise<number>;
}

/** What a service's handlers may leave behind for the relay and the saga engine. */
export interface Collectors {
  /** `trace` is what publishes or starts them. */
  publishing(tx: unknown, trace: TraceContext | undefined): Collected & { readonly publish: Publish<Record<string, never>> };
  starting(tx: unknown, trace: TraceContext | undefined): Collected & { readonly start: Start; readonly stop: Stop; committed(): void };
}

/** What the handlers of one service run on. */
export interface UnitParts {
  readonly store: Store<unknown, unknown>;
  readonly runtime: Runtime;
  readonly collectors: Collectors;
}

/** One run of a handler in a transaction: what it is given, and what it changes beside its rows, events and saga starts. */
export interface Unit {
  readonly tx: unknown;
  readonly publish: Publish<Record<string, never>>;
  readonly start: Start;
  readonly stop: Stop;
  readonly fail: Failing['fail'];
  readonly refuse: Failing['refuse'];
  /**
   * Runs the handler: what it was given ends with it. Throws `NotAwaited` when something that it began is still open,
   * `FailureNotThrown` when it returned although it had made a failure, and `RefusalNotReturned` when it did not return the refusal
   * that it had made.
   */
  run<V>(handle: () => V | PromiseLike<V>): Promise<V>;
  write(tx: Tx): Promise<void>;
  /** After the commit. */
  committed(): void;
}

/** `name` says whose run it is, in errors. */
export function unit({ store, runtime, collectors }: UnitParts, tx: unknown, trace: TraceContext | undefined, name: string): Unit {
  const own = store.sql(tx);
  const life = new Lifetime(name, runtime.observe);
  const events = collectors.publishing(tx, trace);
  const sagas = collectors.starting(tx, trace);
  const failures = failing(life, () => own.level);
  return {
    tx: lentTx(store, tx, life),
    publish: life.lend('publish', events.publish),
    start: life.lend('start', sagas.start),
    stop: life.lend('stop', sagas.stop),
    fail: failures.fail,
    refuse: failures.refuse,
    run(handle) {
      // The statements of the toolkit's own before it are awaited, those in it are its own.
      return life.run(handle, (returned) => {
        own.level.verify(name);
        failures.verify(returned);
      });
    },
    async write(tx) {
      await events.write(tx);
      await sagas.write(tx);
    },
    committed() {
      sagas.committed();
    },
  };
}
