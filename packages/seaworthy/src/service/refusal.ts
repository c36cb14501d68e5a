import type { Declared } from '../client/call.ts';

/** A declared error whose handler commits its changes. `refuse` makes it, and the handler returns it. */
export class Refusal<Name extends string = string, Data = unknown> {
  readonly name: Name;
  readonly data: Data;

  constructor(name: Name, data: Data) {
    this.name = name;
    this.data = data;
  }
}

type Refusing<E> = <K extends keyof E & string>(name: K, ...data: unknown extends E[K] ? [] : [data: E[K]]) => Refusal<K, E[K]>;
/** Makes a refusal of one of the declared errors `E`: `return refuse('Declined')`. */
export type Refuse<E> = Refusing<Declared<E>>;
