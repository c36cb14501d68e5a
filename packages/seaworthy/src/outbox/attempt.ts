import type { Envelope } from '../bus/envelope.ts';
import type { At, Event } from '../contract/contract.ts';
import { examine, sentence } from '../contract/schema.ts';
import { type Scope, scope } from '../core/abort.ts';
import { copied } from '../core/copy.ts';
import type { Span } from '../core/observe.ts';
import type { Runtime } from '../core/runtime.ts';
import { readable } from '../core/thrown.ts';
import type { TraceContext } from '../core/trace.ts';
import { StoreClosed, StoreUnusable } from '../store/errors.ts';
import type { Store, Tx } from '../store/store.ts';
import { transaction } from '../store/traced.ts';
import { EventRefused, HandlerTimeout } from './errors.ts';

/** What a handler may know of an event beside its data. */
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
  /** What its handling is part of. */
  readonly trace: TraceContext | undefined;
  /** Aborts when the handler's time is over, or when the process is going down. */
  readonly signal: AbortSignal;
}

/** Called once after the commit; not after a rollback. */
export type AfterCommit = () => void;
type Awaitable<V> = V | Promise<V>;

/** An event and what is done about it, in one transaction with the mark that it was done. */
export interface Subscription<T> {
  readonly event: Event & At;
  /** May run again after a conflict, with `data` as it came. What the run that is committed returns is called after the commit. */
  handle(tx: T, data: unknown, meta: Meta): Awaitable<AfterCommit | undefined | void>;
}

/** Makes a subscription whose handler knows the type of its data. */
export function subscription<Data, T>(
  event: Event<unknown, Data> & At,
  handle: (tx: T, data: Data, meta: Meta) => Awaitable<AfterCommit | undefined | void>,
): Subscription<T> {
  return { event, handle: handle as Subscription<T>['handle'] };
}

export type Refusal = 'poison' | 'expired';

/** How an attempt ended. What is no attempt at all (a shutdown, no database) is thrown instead. */
export type Verdict =
  | { readonly kind: 'done'; readonly outcome: string }
  | { readonly kind: 'failed'; readonly error: unknown }
  | {
      readonly kind: 'refused';
      readonly reason: Refusal;
      readonly error: EventRefused;
    };

export interface AttemptParts<T> {
  readonly store: Store<T, unknown>;
  readonly runtime: Runtime;
  readonly subscription: Subscription<T>;
  readonly envelope: Envelope;
  /** It is handled however late: somebody decided so. */
  readonly however?: boolean;
  readonly number: number;
  readonly timeoutMs: number;
  readonly span: Span;
  /** Their abort means that the process goes down: it says nothing about the event. */
  readonly parents: readonly (AbortSignal | Scope)[];
  /** First thing in the transaction. A word means that there is nothing left to do, and names the outcome. */
  readonly admit: (tx: Tx) => Promise<string | undefined>;
}

const refused = (reason: Refusal, error: EventRefused): Verdict => ({
  kind: 'refused',
  reason,
  error,
});

/** Gives one event to its handler, once. */
export async function attempt<T>({
  store,
  runtime,
  subscription,
  envelope,
  however = false,
  number,
  timeoutMs,
  span,
  parents,
  admit,
}: AttemptParts<T>): Promise<Verdict> {
  const { type, id } = envelope;
  if (!however && envelope.notafter !== undefined && Date.parse(envelope.notafter) < runtime.clock.now()) {
    return refused('expired', new EventRefused(`${type} ${id} was not to be handled after ${envelope.notafter}`));
  }
  let data: unknown;
  try {
    const examined = await examine(subscription.event.data, envelope.data);
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

  const late = (): unknown => new HandlerTimeout(`the handler of ${type} was not done with ${id} after ${timeoutMs} ms: it is rolled back`);
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
        // Runs while this run of the handler does: waiting for a turn, the first one or that of another run, says nothing about it.
        const timer = runtime.clock.after(timeoutMs, () => work.abort(late()));
        try {
          const before = await admit(store.sql(tx));
          if (before !== undefined) return before;
          after = await span.run(() => subscription.handle(tx, copied(data), meta));
          return 'handled';
        } finally {
          timer.cancel();
        }
      },
      { signal: work.signal },
    );
  } catch (thrown) {
    const error = readable(thrown);
    const noDatabase = error instanceof StoreClosed || error instanceof StoreUnusable;
    if (!begun || noDatabase || parents.some((parent) => parent.aborted)) throw error;
    return { kind: 'failed', error };
  } finally {
    work.end();
  }
  after?.();
  return { kind: 'done', outcome };
}
