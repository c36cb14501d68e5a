import type { Duration } from '../core/duration.ts';
import type { Http } from './http.ts';
import type { Schema } from './schema.ts';

/** What an operation may refuse on purpose, by name. */
export type Errors<E> = { readonly [K in keyof E]: { readonly status: number; readonly data?: Schema<unknown, E[K]> } };

/** One member of a contract. It says nothing of schemas on purpose: a constraint that did would leak into `command(...)` as `unknown` and beat its defaults. */
export interface Member {
  readonly kind: 'command' | 'query' | 'event';
}

/** Something that a service does when asked: a command changes its state, a query does not. */
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

/** Something that happened in a service. */
export interface Event<Sent = unknown, Data = unknown> extends Member {
  readonly kind: 'event';
  readonly key: string;
  readonly data: Schema<Sent, Data>;
  readonly notAfter: Duration | undefined;
  readonly description?: string | undefined;
}

/** Where an operation or event lives: added by `contract`. */
export interface At<S extends string = string, N extends string = string> {
  readonly service: S;
  readonly name: N;
}

/** What `contract` is given, by name. */
export interface Members {
  readonly [name: string]: Member;
}
/** Any contract, known by its name alone. */
export interface Named<S extends string = string> {
  readonly '~contract': S;
  readonly '~description'?: string;
}
/** A contract: its members, each of which knows where it lives. */
export type Contract<S extends string, M> = Named<S> & { readonly [K in keyof M]: M[K] & At<S, K & string> };

const membersOf = (contract: Named): readonly (Member & At)[] =>
  Object.values(contract).filter((member: unknown): member is Member & At => typeof member === 'object');

/** What a contract offers, in its order. */
export const operationsOf = (contract: Named): readonly (Operation & At)[] =>
  membersOf(contract).filter((member): member is Operation & At => member.kind !== 'event');

/** What a contract announces, in its order. */
export const eventsOf = (contract: Named): readonly (Event & At)[] =>
  membersOf(contract).filter((member): member is Event & At => member.kind === 'event');

/** The errors that an operation declares, by name; what their data are is known to its own type alone. */
export const declaredErrors = ({ errors }: Operation): Readonly<Record<string, { readonly status: number; readonly data?: Schema }>> =>
  errors as ReturnType<typeof declaredErrors>;

/** A declared error by its name; `undefined` for a name that is not declared, such as one that every object has. */
export function declaredError(operation: Operation, name: string): { readonly status: number; readonly data?: Schema } | undefined {
  const errors = declaredErrors(operation);
  return Object.hasOwn(errors, name) ? errors[name] : undefined;
}
