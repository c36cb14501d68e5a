import type { Duration } from '../core/duration.ts';
import type { Http } from './http.ts';
import type { Schema } from './schema.ts';

export type Errors<E> = { readonly [K in keyof E]: { readonly status: number; readonly data?: Schema<unknown, E[K]> } };

/** Says nothing of schemas on purpose: a constraint that did would leak into `command(...)` as `unknown` and beat its defaults. */
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
}

/** Something that happened in a service. */
export interface Event<Sent = unknown, Data = unknown> extends Member {
  readonly kind: 'event';
  readonly key: string;
  readonly data: Schema<Sent, Data>;
  readonly notAfter: Duration | undefined;
}

/** Where an operation or event lives: added by `contract`. */
export interface At<S extends string = string, N extends string = string> {
  readonly service: S;
  readonly name: N;
}

export interface Members {
  readonly [name: string]: Member;
}
export interface Named<S extends string = string> {
  readonly '~contract': S;
}
export type Contract<S extends string, M> = Named<S> & { readonly [K in keyof M]: M[K] & At<S, K & string> };
