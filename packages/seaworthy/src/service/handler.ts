import type { Bound, Contract, Event, Operation } from '../contract/contract.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { checkOptions } from '../core/options.ts';
import type { EventsOf } from '../outbox/publish.ts';
import type { Read, Tx } from '../store/store.ts';
import type { AnyCommandContext, CommandContext, EventContext, ExternalContext, QueryContext, RemoteQueryContext } from './context.ts';
import { ServiceInvalid } from './errors.ts';
import type { Refusal } from './refusal.ts';

type Awaitable<T> = T | Promise<T>;

/** The handler of a command. */
export type CommandHandler<Input, E, S extends string, Events, T, Returned> = (
  context: CommandContext<Input, E, S, Events, T>,
) => Awaitable<Returned>;
/** The handler of a query. */
export type QueryHandler<Input, E, R, Returned> = (context: QueryContext<Input, E, R>) => Awaitable<Returned>;

/** The three functions behind a handler that `external` made, as the service runs them. */
export interface AnyExternal {
  readonly before: (context: AnyCommandContext) => unknown;
  readonly do: (context: ExternalContext<unknown, never>) => unknown;
  readonly after: (context: AnyCommandContext & { readonly intent: never; readonly outcome: never }) => unknown;
  readonly timeout: Duration | undefined;
}
/** The function behind a handler that `remote` made. */
export type AnyRemote = (context: RemoteQueryContext<unknown, Record<string, unknown>>) => unknown;

/** Returns the timeout of an external command, in milliseconds. */
export const timeoutMs = ({ timeout = '30s' }: Pick<AnyExternal, 'timeout'>): number => milliseconds(timeout, 'timeout');

/** What a handler is made of when it is not a plain function. */
interface Brand {
  readonly '~external'?: AnyExternal;
  readonly '~remote'?: AnyRemote;
}
/** Returns the functions behind a handler that `external` made, and `undefined` for any other handler. */
export const externalOf = (handler: unknown): AnyExternal | undefined => (handler as Brand)['~external'];
/** Returns the function behind a handler that `remote` made, and `undefined` for any other handler. */
export const remoteOf = (handler: unknown): AnyRemote | undefined => (handler as Brand)['~remote'];

/**
 * Makes a handler that only a service can run. Its type is that of a plain handler: the compiler compares a handler with one type alone,
 * and its message about a wrong output points at the output.
 */
function branded(brand: object): never {
  const run = (): never => {
    throw new ServiceInvalid('a handler made by `external` or `remote` was called: only its service can run it, put it into `handlers`');
  };
  return Object.assign(run, brand) as never;
}

/** What a function may return that the handler returns in the end: what the contract says, or anything where no contract is known. */
type Expected<Returned> = [Returned] extends [never] ? unknown : Returned;
/** What `before` returns where it does not refuse. */
type Intended<Returned> = Exclude<Returned, Refusal>;

/**
 * Makes the handler of a command that must reach a third party. `before` runs in a transaction and returns the intent, which must be
 * JSON. `do` reaches the third party, outside any transaction. `after` commits the outcome, with events and the answer. A crash
 * repeats `do` under the same key, and every intent is driven to an outcome, whether or not its caller still waits.
 */
export function external<
  Input,
  E,
  Intent,
  Outcome,
  Actual extends Expected<Returned>,
  Returned = never,
  S extends string = never,
  Events = never,
  T = Tx,
>(parts: {
  readonly before: (context: CommandContext<Input, E, S, Events, T>) => Awaitable<Intent>;
  readonly do: (context: ExternalContext<Input, NoInfer<Intended<Intent>>>) => Awaitable<Outcome>;
  readonly after: (
    context: CommandContext<Input, E, S, Events, T> & { readonly intent: NoInfer<Intended<Intent>>; readonly outcome: NoInfer<Outcome> },
  ) => Awaitable<Actual>;
  /**
   * The longest that one run of `do` takes before its signal aborts, and one run of `after` before it is rolled back. `do` is then
   * repeated later, under the same key. Default 30 s.
   */
  readonly timeout?: Duration;
}): CommandHandler<Input, E, S, Events, T, Returned | Actual> {
  checkOptions('external', parts, { before: true, do: true, after: true, timeout: true });
  return branded({ '~external': { ...parts } });
}

/** Makes the handler of a query that a third party answers. It has a `signal` and no `read`: it holds no snapshot meanwhile. */
export function remote<Input, E, Actual extends Expected<Returned>, Returned = never, R = Read>(
  handler: (context: RemoteQueryContext<Input, E>) => Awaitable<Actual>,
): QueryHandler<Input, E, R, Returned | Actual> {
  return branded({ '~remote': handler });
}

/** What a command's handler may return. Where the operation has no output, anything that it returns is ignored, except a refusal. */
type Answered<Returned, E> = [Returned] extends [void] ? unknown : Returned | Refusal<keyof E & string>;

export type HandlerOf<S extends string, Events, Op, T, R> =
  Op extends Operation<'command', unknown, infer Input, infer Returned, unknown, infer E>
    ? CommandHandler<Input, E, S, Events, T, Answered<Returned, E>>
    : Op extends Operation<'query', unknown, infer Input, infer Returned, unknown, infer E>
      ? QueryHandler<Input, E, R, Returned>
      : never;

/** One handler for each operation of a contract. */
export type Handlers<S extends string, M, T, R> = {
  readonly [K in keyof M as M[K] extends Operation ? K : never]: HandlerOf<S, EventsOf<M>, M[K], T, R>;
};

/** The type of one handler, for handlers kept in files of their own: `Handler<typeof inventory, 'reserve'>`. */
export type Handler<C, K extends { [N in keyof C]-?: C[N] extends Operation ? N : never }[keyof C], T = Tx, R = Read> =
  C extends Contract<infer S, infer M> ? HandlerOf<S, EventsOf<M>, C[K], T, R> : never;

/** A reaction to an event. `Use` names the service of the event, so that the compiler knows which services a fleet needs. */
export interface Reacts<Use extends string = string> {
  readonly event: Event & Bound<Use>;
  readonly handle: (context: never) => unknown;
}
/** Makes a reaction of an event and its handler. */
export type On<S extends string, Events, T> = <Use extends string, Data>(
  event: Event<unknown, Data> & Bound<Use>,
  handle: (context: EventContext<Data, S, Events, T>) => unknown,
) => Reacts<Use>;

/** The type of one event handler kept in a file of its own: `Reaction<typeof inventory, typeof orders.orderCancelled>`. */
export type Reaction<C, E, T = Tx> =
  C extends Contract<infer S, infer M>
    ? E extends Event<unknown, infer Data>
      ? (context: EventContext<Data, S, EventsOf<M>, T>) => unknown
      : never
    : never;
