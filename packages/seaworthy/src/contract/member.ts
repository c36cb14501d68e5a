import type { Duration } from '../core/duration.ts';
import type { Http } from './http.ts';
import type { Schema } from './schema.ts';

/** The errors that an operation declares, by name. */
export type Errors<E> = { readonly [K in keyof E]: { readonly status: number; readonly data?: Schema<unknown, E[K]> } };

/** One member of a contract. It deliberately does not mention schemas: such a constraint would leak into `command(...)` as `unknown` and override its defaults. */
export interface Member {
  readonly kind: 'command' | 'query' | 'event';
}

/** A command, which changes the state of its service, or a query, which does not. */
export interface Operation<
  Kind extends 'command' | 'query' = 'command' | 'query',
  Sent = unknown,
  Input = unknown,
  Returned = unknown,
  Output = unknown,
  E = unknown,
> extends Member {
  readonly kind: Kind;
  readonly http: Http;
  readonly input: Schema<Sent, Input>;
  readonly output: Schema<Returned, Output> | undefined;
  readonly errors: Errors<E>;
  readonly status: number;
  readonly location: string | undefined;
  readonly description?: string | undefined;
}

/** An event: something that has happened in a service. */
export interface Event<Sent = unknown, Data = unknown> extends Member {
  readonly kind: 'event';
  readonly key: string;
  readonly data: Schema<Sent, Data>;
  readonly notAfter: Duration | undefined;
  readonly description?: string | undefined;
}

/** The part of an operation or event that `contract` adds: the name of the contract and its own name. */
export interface Bound<S extends string = string, N extends string = string> {
  readonly service: S;
  readonly name: N;
}

/** The members of a contract, by name. */
export interface Members {
  readonly [name: string]: Member;
}
/** Any contract; its type knows only the name. */
export interface AnyContract<S extends string = string> {
  readonly '~contract': S;
  readonly '~description'?: string;
}
/** A contract: its members, each with the contract and its own name. */
export type Contract<S extends string, M> = AnyContract<S> & { readonly [K in keyof M]: M[K] & Bound<S, K & string> };

const membersOf = (contract: AnyContract): readonly (Member & Bound)[] =>
  Object.values(contract).filter((member: unknown): member is Member & Bound => typeof member === 'object');

/** Lists the operations of a contract in their order. */
export const operationsOf = (contract: AnyContract): readonly (Operation & Bound)[] =>
  membersOf(contract).filter((member): member is Operation & Bound => member.kind !== 'event');

/** Lists the events of a contract in their order. */
export const eventsOf = (contract: AnyContract): readonly (Event & Bound)[] =>
  membersOf(contract).filter((member): member is Event & Bound => member.kind === 'event');

/** Returns the errors that an operation declares, by name; only the operation's own type knows the types of their data. */
export const declaredErrors = ({ errors }: Operation): Readonly<Record<string, { readonly status: number; readonly data?: Schema }>> =>
  errors as ReturnType<typeof declaredErrors>;

/** Returns a declared error by its name; `undefined` for any other name, also one that every object has. */
export function declaredError(operation: Operation, name: string): { readonly status: number; readonly data?: Schema } | undefined {
  const errors = declaredErrors(operation);
  return Object.hasOwn(errors, name) ? errors[name] : undefined;
}
