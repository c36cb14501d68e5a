import type { Fail } from '../client/call.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Publish } from '../outbox/publish.ts';
import type { Start, Stop } from '../saga/definition.ts';
import type { Refuse } from './refusal.ts';

/** What every context has, so that a handler needs no globals. */
interface HandlerContext {
  /** When the handling began, in milliseconds since the epoch. */
  readonly now: number;
  /** A new unique identity, a UUID of version 7. */
  readonly newId: () => string;
  /** What the handling is part of: its `traceparent` for a third party, its baggage by `baggageOf`. */
  readonly trace: TraceContext | undefined;
}

/** What a handler changes state with: all of it is committed together, or not at all. There is no `call` here. */
export interface TransactionContext<S extends string, Events, T> extends HandlerContext {
  readonly tx: T;
  readonly publish: Publish<Events>;
  readonly start: Start<S>;
  readonly stop: Stop<S>;
}

export interface CommandContext<Input, E, S extends string, Events, T> extends TransactionContext<S, Events, T> {
  readonly input: Input;
  /** Makes a declared error, to be thrown: the handler is rolled back. */
  readonly fail: Fail<E>;
  /** Makes a declared error, to be returned: what the handler changed is committed, and the caller gets the error. */
  readonly refuse: Refuse<E>;
}

export interface QueryContext<Input, E, R> extends HandlerContext {
  readonly input: Input;
  readonly read: R;
  readonly fail: Fail<E>;
}

export type AnyCommandContext = CommandContext<unknown, Record<string, unknown>, string, Record<string, never>, unknown>;

/** No `read` here: a query that asks a third party holds no snapshot meanwhile. */
export interface RemoteQueryContext<Input, E> extends HandlerContext {
  readonly input: Input;
  readonly fail: Fail<E>;
  readonly signal: AbortSignal;
}

export interface EventContext<Data, S extends string, Events, T> extends TransactionContext<S, Events, T> {
  readonly data: Data;
}

/** Between the transactions: no `tx`, but a key that the third party can recognise a repeat by. */
export interface ExternalContext<Input, Intent> extends HandlerContext {
  readonly input: Input;
  readonly intent: Intent;
  readonly key: string;
  /** When the intent was committed, in milliseconds since the epoch: the same after a crash. */
  readonly since: number;
  readonly signal: AbortSignal;
}
