import type { Publish } from '../outbox/publish.ts';
import type { Fail } from '../client/call.ts';
import type { At, Contract, Event, Members, Named, Operation } from '../contract/contract.ts';
import type { AnySaga, Start } from '../saga/saga.ts';
import type { Read, Store, Tx } from '../store/store.ts';


export interface CommandContext<Input, E, M, T> {
  readonly input: Input;
  readonly tx: T;
  readonly publish: Publish<M>;
  readonly fail: Fail<E>;
  readonly start: Start;
}
export interface QueryContext<Input, E, R> { readonly input: Input; readonly read: R; readonly fail: Fail<E> }
/** No `read` here: a query that asks a third party holds no snapshot meanwhile. */
export interface RemoteQueryContext<Input, E> { readonly input: Input; readonly fail: Fail<E>; readonly signal: AbortSignal }
export interface EventContext<Data, M, T> { readonly data: Data; readonly tx: T; readonly publish: Publish<M>; readonly start: Start }

type Awaitable<T> = T | Promise<T>;
/** Between the transactions: no `tx`, but a key that the third party can recognise a repeat by. */
export interface Reaching<Input, Intent> { readonly input: Input; readonly intent: Intent; readonly key: string; readonly signal: AbortSignal }
/**
 * A command that must reach a third party. `before` commits the intent (JSON) and its key; `do` has no
 * transaction; `after` commits the outcome, events and answer. A crash between them repeats `do` under
 * the same key, and an intent without an outcome is driven to one, whether or not its caller still waits.
 */
export interface External<Input, E, M, T, Returned> {
  readonly before: (context: CommandContext<Input, E, M, T>) => Awaitable<unknown>;
  readonly do: (context: Reaching<Input, never>) => Awaitable<unknown>;
  readonly after: (context: CommandContext<Input, E, M, T> & { readonly intent: never; readonly outcome: never }) => Awaitable<Returned>;
}
export function external<Input, E, M, Returned, Intent, Outcome, T = Tx>(parts: {
  readonly before: (context: CommandContext<Input, E, M, T>) => Awaitable<Intent>;
  readonly do: (context: Reaching<Input, NoInfer<Intent>>) => Awaitable<Outcome>;
  readonly after: (context: CommandContext<Input, E, M, T> & { readonly intent: NoInfer<Intent>; readonly outcome: NoInfer<Outcome> }) => Awaitable<Returned>;
}): External<Input, E, M, T, Returned> { return parts as never; }
/** A query answered by a third party. */
export interface Remote<Input, E, Returned> { readonly remote: (context: RemoteQueryContext<Input, E>) => Awaitable<Returned> }

export type HandlerOf<M, Op, T, R> =
  Op extends Operation<'command', unknown, infer Input, infer Returned, unknown, infer E> ? ((context: CommandContext<Input, E, M, T>) => Awaitable<Returned>) | External<Input, E, M, T, Returned>
  : Op extends Operation<'query', unknown, infer Input, infer Returned, unknown, infer E> ? ((context: QueryContext<Input, E, R>) => Awaitable<Returned>) | Remote<Input, E, Returned>
  : never;
type OperationNames<M> = { [K in keyof M]: M[K] extends Operation ? K : never }[keyof M];
export type Handlers<M, T, R> = { readonly [K in OperationNames<M>]: HandlerOf<M, M[K], T, R> };
/** The type of one handler, for handlers kept in files of their own: `Handler<typeof inventory, 'reserve'>`. */
export type Handler<C, K extends keyof C, T = Tx, R = Read> = C extends Contract<string, infer M> ? HandlerOf<M, C[K], T, R> : never;

/** `Use` names the service whose event this is: the topology is known without running. */
export interface Subscription<Use extends string = string> { readonly event: Event & At<Use>; readonly handle: (context: never) => unknown }
export type On<M, T> = <Use extends string, Data>(event: Event<unknown, Data> & At<Use>, handle: (context: EventContext<Data, M, T>) => unknown) => Subscription<Use>;
/** The type of one event handler kept in a file of its own: `Reaction<typeof inventory, typeof orders.orderCancelled>`. */
export type Reaction<C, E, T = Tx> = C extends Contract<string, infer M> ? E extends Event<unknown, infer Data> ? (context: EventContext<Data, M, T>) => unknown : never : never;

export interface Service<S extends string = string, Use extends string = string> {
  readonly contract: Named<S>;
  readonly handlers: { readonly [name: string]: unknown };
  readonly on: readonly Subscription<Use>[];
  readonly sagas: readonly AnySaga<S, Use>[];
}
export function service<const S extends string, M extends Members, Heard extends string = never, Used extends string = never, T = Tx, R = Read>(contract: Contract<S, M>, spec: {
  readonly store?: Store<T, R>;
  readonly handlers: Handlers<M, T, R>;
  readonly on?: (on: On<M, T>) => readonly Subscription<Heard>[];
  readonly sagas?: readonly AnySaga<NoInfer<S>, Used, NoInfer<T>>[];
}): Service<S, Heard | Used> {
  const on: On<M, T> = (event, handle) => ({ event, handle });
  return { contract, handlers: spec.handlers as never, on: spec.on?.(on) ?? [], sagas: spec.sagas ?? [] };
}
