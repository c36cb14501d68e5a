import type { Envelope } from '../bus/envelope.ts';
import type { Bound, Event } from '../contract/contract.ts';
import { examineReceived, sentence } from '../contract/schema.ts';
import { type Scope, scope } from '../core/abort.ts';
import type { Timer } from '../core/clock.ts';
import { copied } from '../core/copy.ts';
import type { Span } from '../core/observe.ts';
import { runTime } from '../core/run-time.ts';
import type { Runtime } from '../core/runtime.ts';
import { isA, readable } from '../core/thrown.ts';
import type { TraceContext } from '../core/trace.ts';
import { StoreUnavailable } from '../store/errors.ts';
import type { Isolation, Store, Tx } from '../store/store.ts';
import { transaction } from '../store/traced.ts';
import { EventRefused, HandlerTimeout } from './errors.ts';

/** What a handler may know about an event, apart from its data. */
export interface Meta {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  /** The aggregate's id. */
  readonly key: string;
  /** When it was published, RFC 3339 in UTC. */
  readonly time: string;
  /** From 1: the first attempt is the one on arrival. */
  readonly attempt: number;
  /** The trace of this attempt. */
  readonly trace: TraceContext | undefined;
  /** Aborts when the handler's `timeout` has elapsed, or when the process is going down. */
  readonly signal: AbortSignal;
}

/** A function that is called once after the commit, and not after a rollback. */
export type AfterCommit = () => void;
type Awaitable<V> = V | Promise<V>;

/** An event and its handler, which runs in one transaction with the mark that the event was handled. */
export interface Subscription<T> {
  readonly event: Event & Bound;
  /** Handles the event. It may run again after a conflict, with the same `data`. What the committed run returns is called after the commit. */
  handle(tx: T, data: unknown, meta: Meta): Awaitable<AfterCommit | undefined | void>;
}

/** Makes a subscription whose handler has the type of the event's data. */
export function subscription<Data, T>(
  event: Event<unknown, Data> & Bound,
  handle: (tx: T, data: Data, meta: Meta) => Awaitable<AfterCommit | undefined | void>,
): Subscription<T> {
  return { event, handle: handle as Subscription<T>['handle'] };
}

export type Refusal = 'poison' | 'expired';

/** How an attempt ended. A shutdown or a missing database is not an attempt, and is thrown instead. */
export type AttemptResult =
  | { readonly kind: 'done'; readonly outcome: string }
  | { readonly kind: 'failed'; readonly error: unknown }
  | {
      readonly kind: 'refused';
      readonly reason: Refusal;
      readonly error: EventRefused;
    };

export interface AttemptDeps<T> {
  readonly store: Store<T, unknown>;
  readonly runtime: Runtime;
  readonly subscription: Subscription<T>;
  readonly envelope: Envelope;
  /** The event is handled although it has expired: an operator redrove it. */
  readonly evenIfExpired?: boolean;
  readonly number: number;
  readonly timeoutMs: number;
  readonly isolation: Isolation | undefined;
  readonly span: Span;
  /** When one of them aborts, the process is going down, which says nothing about the event. */
  readonly parents: readonly (AbortSignal | Scope)[];
  /** Runs first in the transaction. Returns the outcome when there is nothing left to do, and `undefined` when the handler is to run. */
  readonly admit: (tx: Tx) => Promise<string | undefined>;
}

const refused = (reason: Refusal, error: EventRefused): AttemptResult => ({
  kind: 'refused',
  reason,
  error,
});

/** Runs the handler of one event once, in a transaction. Throws when the attempt was interrupted. */
export async function attempt<T>({
  store,
  runtime,
  subscription,
  envelope,
  evenIfExpired = false,
  number,
  timeoutMs,
  isolation,
  span,
  parents,
  admit,
}: AttemptDeps<T>): Promise<AttemptResult> {
  const { type, id } = envelope;
  if (!evenIfExpired && envelope.notafter !== undefined && Date.parse(envelope.notafter) < runtime.clock.now()) {
    return refused('expired', new EventRefused(`${type} ${id} expired at ${envelope.notafter}: redrive it to handle it all the same`));
  }
  let data: unknown;
  try {
    const examined = await examineReceived(subscription.event.data, envelope.data);
    if ('findings' in examined) {
      const { findings } = examined;
      return refused(
        'poison',
        new EventRefused(`${type} ${id} breaks its contract (${sentence(findings)}): correct its data and redrive`, findings),
      );
    }
    data = examined.value;
  } catch (error) {
    return { kind: 'failed', error: readable(error) };
  }

  const late = (ofAll: number | undefined): unknown =>
    new HandlerTimeout(
      ofAll === undefined
        ? `the handler of ${type} did not finish ${id} within ${timeoutMs} ms and was rolled back: make it faster, or raise consumer.timeout`
        : `the handler of ${type} was run again and again for ${ofAll} ms, since other transactions changed what it had read for ${id}: let it read and lock fewer rows`,
    );
  const work = scope({ clock: runtime.clock, parents });
  const meta: Meta = {
    id,
    type,
    source: envelope.source,
    key: envelope.partitionkey,
    time: envelope.time,
    attempt: number,
    trace: span.trace,
    signal: work.signal,
  };
  // The time to wait for the database, before the first run and after a conflict, is not the handler's. Nor is that of `admit`, which may
  // have to wait for an attempt at an earlier event.
  const timeOfRun = runTime(runtime.clock, timeoutMs);
  let timer: Timer | undefined;
  let begun = false;
  let after: AfterCommit | undefined | void;
  let outcome: string;
  try {
    outcome = await transaction(
      { store, runtime },
      span,
      async (tx) => {
        begun = true;
        after = undefined;
        const before = await admit(store.sql(tx));
        if (before !== undefined) return before;
        const { ms, ofAll } = timeOfRun();
        timer = runtime.clock.after(ms, () => work.abort(late(ofAll)));
        try {
          after = await span.run(() => subscription.handle(tx, copied(data), meta));
          return 'handled';
        } finally {
          timer.cancel();
        }
      },
      { signal: work.signal, isolation },
    );
  } catch (thrown) {
    const error = readable(thrown);
    // Whatever of it was committed, the mark in the inbox makes a repeat harmless.
    if (!begun || isA(error, StoreUnavailable) || parents.some((parent) => parent.aborted)) throw error;
    return { kind: 'failed', error };
  } finally {
    work.end();
    // A handler that hangs never comes to its end.
    timer?.cancel();
  }
  after?.();
  return { kind: 'done', outcome };
}
