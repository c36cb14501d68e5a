import type { Call } from '../client/call.ts';
import type { At, Contract, Event, Members, Named } from '../contract/contract.ts';
import type { Schema } from '../contract/schema.ts';
import type { Publish } from '../outbox/publish.ts';
import type { Store, Tx } from '../store/store.ts';

export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;
export interface Before<Input, Results> { readonly input: Input; readonly results: Results }
export interface Remote<Input, Results, S extends string> extends Before<Input, Results> { readonly call: Call<S> }
export interface Local<Input, Results, M, T> extends Before<Input, Results> { readonly tx: T; readonly publish: Publish<M> }
/** `undefined` when the step's outcome was never seen: it may or may not have happened. */
export interface Undoing<R> { readonly result: R | undefined }

export interface Step<Do, R> {
  readonly do: (context: Do) => R | Promise<R>;
  readonly undo?: (context: Do & Undoing<NoInfer<R>>) => unknown;
  readonly retry?: { readonly attempts: number };
  readonly timeout?: Duration;
}
type Fresh<N extends string, Results> = N extends keyof Results ? `there is already a step named ${N}` : N;
type And<Results, N extends string, R> = Results & { readonly [K in N]: R };

/** A definition, whole at every link of the chain. `S` owns it, `Use` are the services it calls, `T` its transaction. */
export interface AnySaga<S extends string = string, Use extends string = string, T = never> {
  readonly name: string;
  readonly service: S;
  readonly uses: readonly Named<Use>[];
  readonly steps: readonly Recorded[];
  readonly '~tx'?: (tx: T) => void;
}
export interface Saga<S extends string, Use extends string, T, Input> extends AnySaga<S, Use, T> { readonly input: Schema<unknown, Input> }
export interface Recorded { readonly kind: 'remote' | 'local' | 'wait' | 'parallel'; readonly name: string; readonly step: object; readonly branches?: readonly Recorded[] }
export type Start<S extends string = string> = <Input>(saga: Saga<S, string, never, Input>, input: NoInfer<Input>) => void;

export interface Builder<S extends string, M, Use extends string, T, Input, Results> extends Saga<S, Use, T, Input> {
  step<const N extends string, R>(name: Fresh<N, Results>, step: Step<Remote<Input, Results, Use>, R>): Builder<S, M, Use, T, Input, And<Results, N, R>>;
  local<const N extends string, R>(name: Fresh<N, Results>, step: Step<Local<Input, Results, M, T>, R>): Builder<S, M, Use, T, Input, And<Results, N, R>>;
  wait<const N extends string, Data>(name: Fresh<N, Results>, wait: Wait<Before<Input, Results>, Data> & { readonly otherwise: 'continue' }): Builder<S, M, Use, T, Input, And<Results, N, Data | undefined>>;
  wait<const N extends string, Data>(name: Fresh<N, Results>, wait: Wait<Before<Input, Results>, Data>): Builder<S, M, Use, T, Input, And<Results, N, Data>>;
  parallel<New>(branches: (group: Group<Use, Input, Results, {}>) => Group<Use, Input, Results, New>): Builder<S, M, Use, T, Input, Results & New>;
}
export interface Group<S extends string, Input, Results, New> {
  readonly '~new'?: New;
  step<const N extends string, R>(name: Fresh<N, Results & New>, step: Step<Remote<Input, Results, S>, R>): Group<S, Input, Results, And<New, N, R>>;
}
export interface Wait<Context, Data> {
  readonly for: Event<unknown, Data> & At;
  readonly key: (context: Context) => string;
  readonly timeout: Duration;
  readonly otherwise?: 'undo' | 'continue';
}

export function saga<const S extends string, M extends Members, Input, Use extends string = never, T = Tx>(owner: Contract<S, M>, name: string, spec: {
  readonly input: Schema<unknown, Input>;
  readonly uses?: readonly Named<Use>[];
  readonly store?: Store<T, unknown>;
}): Builder<S, M, Use, T, Input, {}> {
  return build({ service: owner['~contract'], name, input: spec.input, uses: spec.uses ?? [] }, []) as never;
}
function build(head: object, steps: readonly Recorded[]): object {
  const grown = (recorded: Recorded): object => build(head, [...steps, recorded]);
  return Object.freeze({
    ...head, steps,
    step: (name: string, step: object) => grown({ kind: 'remote', name, step }),
    local: (name: string, step: object) => grown({ kind: 'local', name, step }),
    wait: (name: string, step: object) => grown({ kind: 'wait', name, step }),
    parallel: (branches: (group: object) => { branches: readonly Recorded[] }) => {
      const group = (done: readonly Recorded[]): { branches: readonly Recorded[]; step: unknown } =>
        ({ branches: done, step: (name: string, step: object) => group([...done, { kind: 'remote', name, step }]) });
      const done = branches(group([])).branches;
      return grown({ kind: 'parallel', name: done.map((b) => b.name).join('+'), step: {}, branches: done });
    },
  });
}
