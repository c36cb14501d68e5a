import type { At, Contract, Event, Operation } from '../contract/contract.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Read, Tx } from '../store/store.ts';
import type { CommandContext, EventContext, ExternalContext, QueryContext, RemoteQueryContext } from './context.ts';
import type { Refusal } from './refusal.ts';

type Awaitable<T> = T | Promise<T>;

/**
 * A command that must reach a third party. `before` commits the intent (JSON) and its key; `do` has no
 * transaction; `after` commits the outcome, events and answer. A crash between them repeats `do` under
 * the same key, and an intent without an outcome is driven to one, whether or not its caller still waits.
 */
export interface External<Input, E, M, T, Returned> {
  readonly before: (context: CommandContext<Input, E, M, T>) => Awaitable<unknown>;
  readonly do: (context: ExternalContext<Input, never>) => Awaitable<unknown>;
  readonly after: (context: CommandContext<Input, E, M, T> & { readonly intent: never; readonly outcome: never }) => Awaitable<Returned>;
  readonly timeout: Duration | undefined;
}

export type AnyExternal = External<unknown, Record<string, unknown>, Record<string, never>, unknown, unknown>;

export const patienceMs = ({ timeout = '30s' }: Pick<AnyExternal, 'timeout'>): number => milliseconds(timeout, 'timeout');

/** What `before` returns where it does not refuse. */
type Intended<Returned> = Exclude<Returned, Refusal>;

/** Makes the handler of a command that reaches a third party. */
export function external<Input, E, M, Returned, Intent, Outcome, T = Tx>(parts: {
  readonly before: (context: CommandContext<Input, E, M, T>) => Awaitable<Intent>;
  readonly do: (context: ExternalContext<Input, NoInfer<Intended<Intent>>>) => Awaitable<Outcome>;
  readonly after: (
    context: CommandContext<Input, E, M, T> & { readonly intent: NoInfer<Intended<Intent>>; readonly outcome: NoInfer<Outcome> },
  ) => Awaitable<Returned>;
  /** Of one run of `do`, whose signal then aborts, and of one of `after`, which is rolled back; `do` is repeated later under the same key. Default 30 s. */
  readonly timeout?: Duration;
}): External<Input, E, M, T, Returned> {
  return { ...parts, timeout: parts.timeout } as External<Input, E, M, T, Returned>;
}

/** A query answered by a third party. */
export interface Remote<Input, E, Returned> {
  readonly remote: (context: RemoteQueryContext<Input, E>) => Awaitable<Returned>;
}

/** What a command's handler may return. Where the operation has no output, anything that it returns is ignored, except a refusal. */
type Answered<Returned, E> = [Returned] extends [void] ? unknown : Returned | Refusal<keyof E & string>;

export type HandlerOf<M, Op, T, R> =
  Op extends Operation<'command', unknown, infer Input, infer Returned, unknown, infer E>
    ? ((context: CommandContext<Input, E, M, T>) => Awaitable<Answered<Returned, E>>) | External<Input, E, M, T, Answered<Returned, E>>
    : Op extends Operation<'query', unknown, infer Input, infer Returned, unknown, infer E>
      ? ((context: QueryContext<Input, E, R>) => Awaitable<Returned>) | Remote<Input, E, Returned>
      : never;

type OperationNames<M> = { [K in keyof M]: M[K] extends Operation ? K : never }[keyof M];
/** One handler for each operation of a contract. */
export type Handlers<M, T, R> = { readonly [K in OperationNames<M>]: HandlerOf<M, M[K], T, R> };

/** The type of one handler, for handlers kept in files of their own: `Handler<typeof inventory, 'reserve'>`. */
export type Handler<C, K extends keyof C, T = Tx, R = Read> = C extends Contract<string, infer M> ? HandlerOf<M, C[K], T, R> : never;

/** `Use` names the service whose event this is: the topology is known without running. */
export interface Reacts<Use extends string = string> {
  readonly event: Event & At<Use>;
  readonly handle: (context: never) => unknown;
}
export type On<M, T> = <Use extends string, Data>(
  event: Event<unknown, Data> & At<Use>,
  handle: (context: EventContext<Data, M, T>) => unknown,
) => Reacts<Use>;

/** The type of one event handler kept in a file of its own: `Reaction<typeof inventory, typeof orders.orderCancelled>`. */
export type Reaction<C, E, T = Tx> =
  C extends Contract<string, infer M>
    ? E extends Event<unknown, infer Data>
      ? (context: EventContext<Data, M, T>) => unknown
      : never
    : never;
