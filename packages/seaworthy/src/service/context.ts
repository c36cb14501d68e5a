import type { Fail } from '../client/call.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Publish } from '../outbox/publish.ts';
import type { Start, Stop } from '../saga/definition.ts';
import type { Refuse } from './refusal.ts';

/** What every handler is given, so that it needs no globals. */
interface HandlerContext {
  /** The time at which the run began, in milliseconds since the epoch. */
  readonly now: number;
  /** Returns a new unique id, a UUID of version 7. */
  readonly newId: () => string;
  /** The trace that the run is part of. Send its `traceparent` to a third party; `baggageOf` reads its baggage. */
  readonly trace: TraceContext | undefined;
}

/** What a handler changes state with. All of it is committed together or not at all. It has no `call`: a transaction does not wait for a network. */
export interface TransactionContext<S extends string, Events, T> extends HandlerContext {
  readonly tx: T;
  readonly publish: Publish<Events>;
  readonly start: Start<S>;
  readonly stop: Stop<S>;
}

export interface CommandContext<Input, E, S extends string, Events, T> extends TransactionContext<S, Events, T> {
  readonly input: Input;
  /** Makes a declared error. Throw it: the handler is rolled back, and its caller gets the error. */
  readonly fail: Fail<E>;
  /** Makes a declared error. Return it: the handler's changes are committed, and its caller gets the error. */
  readonly refuse: Refuse<E>;
}

export interface QueryContext<Input, E, R> extends HandlerContext {
  readonly input: Input;
  readonly read: R;
  readonly fail: Fail<E>;
}

export type AnyCommandContext = CommandContext<unknown, Record<string, unknown>, string, Record<string, never>, unknown>;

/** What a query that a third party answers is given. It has no `read`: it holds no snapshot while it waits. */
export interface RemoteQueryContext<Input, E> extends HandlerContext {
  readonly input: Input;
  readonly fail: Fail<E>;
  /** Aborts when the deadline of the call is over, its caller leaves, or the process stops. */
  readonly signal: AbortSignal;
}

export interface EventContext<Data, S extends string, Events, T> extends TransactionContext<S, Events, T> {
  readonly data: Data;
}

/** What `do` of an external command is given. It runs outside any transaction, so it has no `tx`. */
export interface ExternalContext<Input, Intent> extends HandlerContext {
  readonly input: Input;
  /** What `before` returned. */
  readonly intent: Intent;
  /** The key of the call, the same in every run. Send it to the third party, which recognises a repeat by it. */
  readonly key: string;
  /** The time at which `before` ran, in milliseconds since the epoch: the same in every run. */
  readonly since: number;
  /** Aborts when the `timeout` of the command is over, or the process stops. */
  readonly signal: AbortSignal;
}
