import type { Bound, Operation } from '../contract/contract.ts';
import { isA } from '../core/thrown.ts';

/** An error that the contract of a command or query declares, with its name and data. */
export class Failure<Name extends string = string, Data = unknown> extends Error {
  override readonly name: Name;
  readonly data: Data;

  constructor(name: Name, data: Data) {
    super(name);
    this.name = name;
    this.data = data;
  }
}
export type Failures<E> = { [K in keyof E & string]: Failure<K, E[K]> }[keyof E & string];
/** The declared errors by name. Without any the only key is a sentence, which the compiler shows. */
export type Declared<E> = [keyof E] extends [never] ? { readonly 'the contract declares no errors of this operation': unknown } : E;
type Failing<E> = <K extends keyof E & string>(name: K, ...data: unknown extends E[K] ? [] : [data: E[K]]) => Failure<K, E[K]>;
export type Fail<E> = Failing<Declared<E>>;
export type Outcome<Output, E> = { readonly ok: true; readonly value: Output } | { readonly ok: false; readonly error: Failures<E> };

/** The answer to a call. Await it for the value, or take `outcome()` to get declared errors as values instead of exceptions. */
export interface Reply<Output, E> extends Promise<Output> {
  outcome(): Promise<Outcome<Output, E>>;
}

export type Callable<S extends string, Sent, Output, E> = Operation<'command' | 'query', Sent, unknown, unknown, Output, E> & Bound<S>;
export type Call<S extends string = string> = <Sent, Output, E>(
  operation: Callable<S, Sent, Output, E>,
  input: NoInfer<Sent>,
) => Reply<Output, E>;

/** Makes a reply of a promise. Its `outcome` gives errors as values if `declared` has their name. */
export function reply<Output, E>(promise: Promise<Output>, declared: object): Reply<Output, E> {
  const outcome = (): Promise<Outcome<Output, E>> =>
    promise.then(
      (value) => ({ ok: true, value }) as const,
      (error: unknown) => {
        if (isA(error, Failure) && Object.hasOwn(declared, error.name)) return { ok: false, error: error as Failures<E> } as const;
        throw error;
      },
    );
  return Object.assign(promise, { outcome });
}

/** Tells in a `catch` whether `error` is the declared error `name` of an operation. */
export function failed<E, K extends keyof E & string>(
  error: unknown,
  _operation: Callable<string, unknown, unknown, E>,
  name: K,
): error is Failure<K, E[K]> {
  return isA(error, Failure) && error.name === name;
}
