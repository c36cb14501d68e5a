import type { Call } from '../client/call.ts';
import type { Contract, Members, Named } from '../contract/contract.ts';
import { formOf } from '../contract/form.ts';
import type { Schema } from '../contract/schema.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { Publish } from '../outbox/publish.ts';
import type { StoreDriver, Tx } from '../store/store.ts';
import type { Cause } from './cause.ts';
import type { SagaState } from './journal.ts';

/** A saga that cannot be: two steps of one name, a name or an input that cannot be kept. */
export class SagaInvalid extends SeaworthyError {
  readonly code = 'SW_SAGA_INVALID';
  readonly kind = 'invalid';
}

/** What every step sees. */
export interface Before<Input, Results> {
  readonly input: Input;
  /** Of the steps before this one, by name. */
  readonly results: Results;
  /**
   * When this run of the step began, in milliseconds since the epoch. Another run has another: an input of a call that was made
   * of it would be another payload under the same key.
   */
  readonly now: number;
  /** Aborts when the run's time is over, when the saga is to be stopped, or when the process goes down. */
  readonly signal: AbortSignal;
}
/** No service has this name: it is what the compiler shows of a call where the saga uses none. Beside others it would ask more of a fake. */
type Only = 'only what the saga names in `uses`';
export interface Remote<Input, Results, S extends string> extends Before<Input, Results> {
  /** Calls an operation of the services that the saga uses; each call carries the step's own idempotency key. */
  readonly call: Call<[S] extends [never] ? Only : S>;
}
export interface Local<Input, Results, M, T> extends Before<Input, Results> {
  readonly tx: T;
  readonly publish: Publish<M>;
}
export interface Undoing<R> {
  /** `undefined` when the step's outcome was never seen: it may or may not have happened. */
  readonly result: R | undefined;
  /** Why the saga is undone. */
  readonly cause: Cause;
}

export interface Step<Do, R> {
  /**
   * A declared error means that it did not happen: no retry, and no undo of this step unless another command of the same run
   * may have happened. Anything else thrown is unknown.
   */
  readonly do: (context: Do) => R | Promise<R>;
  /** Takes the effect back, also one that nobody saw. Repeated until it succeeds or the saga is stuck. */
  readonly undo?: (context: Do & Undoing<NoInfer<R>>) => unknown;
  /** Runs of `do` whose outcome may stay unknown before the saga is undone. Default 3, from 1 s to 30 s apart. */
  readonly retry?: { readonly attempts: number };
  /** Of one run of `do` or `undo`, which is then cut: a transaction is rolled back, what calls did is unknown. Default 10 s. */
  readonly timeout?: Duration;
}
type Fresh<N extends string, Results> = N extends keyof Results ? `there is already a step named ${N}` : N;
type And<Results, N extends string, R> = Results & { readonly [K in N]: R };

/** One step as the engine keeps it. */
export interface Recorded {
  readonly kind: 'remote' | 'local';
  readonly name: string;
  readonly step: Step<never, unknown>;
  /** Of each of its runs. */
  readonly timeoutMs: number;
}

/** A definition, whole at every link of the chain. `S` owns it, `Use` are the services it calls, `T` its transaction. */
export interface AnySaga<S extends string = string, Use extends string = string, T = never> {
  readonly name: string;
  readonly service: S;
  readonly uses: readonly Named<Use>[];
  readonly steps: readonly Recorded[];
  readonly concurrency?: number | undefined;
  /** Of the whole. */
  readonly deadlineMs?: number | undefined;
  readonly '~tx'?: (tx: T) => void;
}
export interface Saga<S extends string, Use extends string, T, Input> extends AnySaga<S, Use, T> {
  readonly input: Schema<unknown, Input>;
  readonly key: ((input: Input) => string) | undefined;
}

/** What came of a start. `already` says how the instance of the same key stands, `sameInput` whether it began with an equal input. */
export type Started =
  | { readonly started: true; readonly id: string }
  | {
      readonly started: false;
      readonly id: string;
      readonly already: SagaState | 'stopping';
      readonly sameInput: boolean;
    };
/** What came of a stop. `already` says why nothing is stopped: how the instance stands, or that there is none of this key. */
export type Stopping =
  | { readonly stopping: true; readonly id: string }
  | { readonly stopping: false; readonly already: Exclude<SagaState, 'running'> | 'unknown' };

/**
 * Starts a saga with the handler's transaction. The same key again is the same instance: it is not started twice. Awaited, it tells
 * what came of it; it takes effect also when nobody awaits it.
 */
export type Start<S extends string = string> = <Input>(saga: Saga<S, string, never, Input>, input: NoInfer<Input>) => PromiseLike<Started>;
/**
 * Stops a running saga with the handler's transaction: it is undone, and `reason` told to its undos. Otherwise without effect.
 * Awaited, it tells what came of it; it takes effect also when nobody awaits it.
 */
export type Stop<S extends string = string> = <Input>(
  saga: Saga<S, string, never, Input>,
  key: string,
  reason: string,
) => PromiseLike<Stopping>;

export interface Builder<S extends string, M, Use extends string, T, Input, Results> extends Saga<S, Use, T, Input> {
  /** A step that calls other services; it has no transaction. */
  step<const N extends string, R>(
    name: Fresh<N, Results>,
    step: Step<Remote<Input, Results, Use>, R>,
  ): Builder<S, M, Use, T, Input, And<Results, N, R>>;
  /** A step in a transaction of the owner's own database; it has no `call`. */
  local<const N extends string, R>(
    name: Fresh<N, Results>,
    step: Step<Local<Input, Results, M, T>, R>,
  ): Builder<S, M, Use, T, Input, And<Results, N, R>>;
}

/** Defines a saga of a service. `.step` and `.local` add its steps, in order. Throws `SagaInvalid`; `DurationInvalid` for a timeout or the deadline. */
export function saga<const S extends string, M extends Members, Input, Use extends string = never, T = Tx>(
  owner: Contract<S, M>,
  name: string,
  spec: {
    readonly input: Schema<unknown, Input>;
    /** The services that its steps call. Default none. */
    readonly uses?: readonly Named<Use>[];
    /** What makes two starts the same instance, and what `stop` names. Default a new identity for each start. */
    readonly key?: (input: Input) => string;
    /** Instances at work at one time in one process, those that are undone included. Default as many as the service has room for. */
    readonly concurrency?: number;
    /**
     * How long an instance may take in all, from its start: one that still runs then is stopped and undone, with the cause `late`. Its
     * undo may take as long as it needs. Default none.
     */
    readonly deadline?: Duration;
    /** Only for the type of `tx`: the store of the owner, when it is not the default. */
    readonly store?: StoreDriver<T, unknown>;
  },
): Builder<S, M, Use, T, Input, Record<never, never>> {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new SagaInvalid(`the saga name ${JSON.stringify(name)} is not lower case letters, digits and hyphens`);
  // A saga is given its input as JSON, and keeps as JSON what validation made of it.
  for (const side of ['input', 'output'] as const) {
    const form = formOf(spec.input, side);
    if ('wrong' in form) throw new SagaInvalid(`the input of the saga ${name} ${form.wrong}`);
  }
  const { concurrency } = spec;
  if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency > 0))
    throw new SagaInvalid(`the concurrency of the saga ${name} must be a whole number from 1 on, got ${concurrency}`);
  const deadlineMs = spec.deadline === undefined ? undefined : Math.ceil(milliseconds(spec.deadline, `the deadline of the saga ${name}`));
  if (deadlineMs === 0)
    throw new SagaInvalid(`the deadline of the saga ${name} is ${spec.deadline}: none would ever end; leave it out for none`);
  const head = { service: owner['~contract'], name, input: spec.input, uses: spec.uses ?? [], key: spec.key, concurrency, deadlineMs };
  return build(head, []) as never;
}

function build(head: Omit<AnySaga, 'steps'>, steps: readonly Recorded[]): object {
  function grown(kind: Recorded['kind'], name: string, step: Step<never, unknown>): object {
    // It is part of the keys of its calls, which are headers of at most 255 characters.
    if (!/^[A-Za-z][\w-]{0,99}$/.test(name))
      throw new SagaInvalid(`the step name ${JSON.stringify(name)} of ${head.name} is not up to 100 letters, digits, _ and -`);
    if (steps.some((other) => other.name === name))
      throw new SagaInvalid(`the saga ${head.name} has two steps named ${name}: name them apart`);
    const timeoutMs = milliseconds(step.timeout ?? '10s', `the timeout of the step ${name} of ${head.name}`);
    return build(head, [...steps, { kind, name, step, timeoutMs }]);
  }
  return Object.freeze({
    ...head,
    steps,
    step: (name: string, step: Step<never, unknown>) => grown('remote', name, step),
    local: (name: string, step: Step<never, unknown>) => grown('local', name, step),
  });
}
