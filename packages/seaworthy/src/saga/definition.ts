import type { Call } from '../client/call.ts';
import type { AnyContract, Contract, Members } from '../contract/contract.ts';
import { formOf } from '../contract/form.ts';
import type { Schema } from '../contract/schema.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import { checkOptions, type OptionNames } from '../core/options.ts';
import type { EventsOf, Publish } from '../outbox/publish.ts';
import type { Read, StoreDriver, Tx } from '../store/store.ts';
import { type Cause, type Instance, type PlannedStep, plannedSteps, type SagaState } from './instance.ts';
import type { MachineDefinition } from './machine.ts';
import { openInstances, openPlans } from './saga-store.ts';

/** A definition cannot work: it has two steps of one name, or a name, an option or an input that cannot be kept. */
export class SagaInvalid extends SeaworthyError {
  readonly code = 'SW_SAGA_INVALID';
  readonly kind = 'invalid';
}

/** The context of every step. */
export interface Before<Input, Results> {
  readonly input: Input;
  /** The results of the steps before this one, by name. */
  readonly results: Results;
  /**
   * When this run of the step began, in milliseconds since the epoch. The time differs from run to run: a call whose input is made of it
   * sends another payload under the same key, and is refused.
   */
  readonly now: number;
  /** Aborts when the run's timeout has elapsed, when the saga is to be stopped, or when the process goes down. */
  readonly signal: AbortSignal;
}
/** The compiler shows this name, which no service has, for a call of a service that the saga does not use. */
type Only = 'only what the saga names in `uses`';
export interface Remote<Input, Results, S extends string> extends Before<Input, Results> {
  /** Calls an operation of the services that the saga uses; each call carries the step's own idempotency key. */
  readonly call: Call<[S] extends [never] ? Only : S>;
}
export interface Local<Input, Results, Events, T> extends Before<Input, Results> {
  readonly tx: T;
  readonly publish: Publish<Events>;
}
export interface Undoing<R> {
  /** What `do` returned; `undefined` when its outcome was never seen, so that it may or may not have happened. */
  readonly result: R | undefined;
  /** Why the saga is undone. */
  readonly cause: Cause;
}

export interface Step<Do, R> {
  /**
   * Does the work of the step. A declared error means that it did not happen: no retry, and no undo of this step unless another command
   * of the same run may have happened. After any other error the outcome is unknown.
   */
  readonly do: (context: Do) => R | Promise<R>;
  /** Takes the effect back, also an unseen one. The undo is retried until it succeeds or the saga is stuck. */
  readonly undo?: (context: Do & Undoing<NoInfer<R>>) => unknown;
  /** How many runs of `do` may end with an unknown outcome before the saga is undone. Default 3, up to 1 s apart, doubling up to 30 s. */
  readonly retry?: { readonly attempts: number };
  /** How long one run of `do` or `undo` may take. A longer run is rolled back, and the outcome of its calls is unknown. Default 10 s. */
  readonly timeout?: Duration;
}
const stepNames: OptionNames<Step<never, unknown>> = { do: true, undo: true, retry: { attempts: true }, timeout: true };
type Fresh<N extends string, Results> = N extends keyof Results ? `there is already a step named ${N}` : N;
/** The results and one more. The condition has the compiler write them out as one object, where it would otherwise show a nest of types. */
type And<Results, N extends string, R> = Results & { readonly [K in N]: R } extends infer All
  ? { readonly [K in keyof All]: All[K] }
  : never;

/** One step of a definition. */
export interface StepDefinition {
  readonly kind: 'remote' | 'local';
  readonly name: string;
  readonly step: Step<never, unknown>;
  /** The timeout of each run, in milliseconds. */
  readonly timeoutMs: number;
}

/** A definition, complete at every link of the chain. The service `S` owns it, `Use` are the services that it calls, `T` is its transaction. */
export interface AnySaga<S extends string = string, Use extends string = string, T = never> {
  readonly service: S;
  readonly name: string;
  readonly uses: readonly AnyContract<Use>[];
  readonly steps: readonly StepDefinition[];
  readonly concurrency?: number | undefined;
  /** The deadline of a whole instance, in milliseconds. */
  readonly deadlineMs?: number | undefined;
  readonly '~tx'?: ((tx: T) => void) | undefined;
}
export interface Saga<S extends string, Use extends string, T, Input> extends AnySaga<S, Use, T> {
  // Before `input`, so that it is what the compiler complains about in the saga of another service.
  readonly service: S;
  readonly input: Schema<unknown, Input>;
  readonly key: ((input: Input) => string) | undefined;
}

/** The outcome of a start. `already` is the state of the instance of the same key, `sameInput` says whether it began with an equal input. */
export type Started =
  | { readonly started: true; readonly id: string }
  | {
      readonly started: false;
      readonly id: string;
      readonly already: SagaState | 'stopping';
      readonly sameInput: boolean;
    };
/** The outcome of a stop. `already` says why nothing was stopped: the state of the instance, or `unknown` when none has this key. */
export type Stopping =
  | { readonly stopping: true; readonly id: string }
  | { readonly stopping: false; readonly already: Exclude<SagaState, 'running'> | 'unknown' };

/**
 * Starts a saga with the handler's transaction. A second start under the same key has no effect. The promise resolves with the outcome;
 * the start takes effect whether it is awaited or not.
 */
export type Start<S extends string = string> = <Input>(saga: Saga<S, string, never, Input>, input: NoInfer<Input>) => PromiseLike<Started>;
/**
 * Stops a running saga with the handler's transaction: it is undone, and its undos get the `reason`. A saga in any other state is not
 * changed. The promise resolves with the outcome; the stop takes effect whether it is awaited or not.
 */
export type Stop<S extends string = string> = <Input>(
  saga: Saga<S, string, never, Input>,
  key: string,
  reason: string,
) => PromiseLike<Stopping>;

export interface Builder<S extends string, Events, Use extends string, T, Input, Results> extends Saga<S, Use, T, Input> {
  /** Adds a step that calls other services. It has no transaction. */
  step<const N extends string, R>(
    name: Fresh<N, Results>,
    step: Step<Remote<Input, Results, Use>, R>,
  ): Builder<S, Events, Use, T, Input, And<Results, N, R>>;
  /** Adds a step in a transaction of the owner's own database. It has no `call`. */
  local<const N extends string, R>(
    name: Fresh<N, Results>,
    step: Step<Local<Input, Results, Events, T>, R>,
  ): Builder<S, Events, Use, T, Input, And<Results, N, R>>;
}

/**
 * Defines a saga of a service. `.step` and `.local` add its steps, in order. Throws `SagaInvalid`, and `DurationInvalid` for a timeout or
 * the deadline.
 */
export function saga<const S extends string, M extends Members, Input, Use extends string = never, T = Tx>(
  owner: Contract<S, M>,
  name: string,
  spec: {
    readonly input: Schema<unknown, Input>;
    /** The services that the steps call. Default none. */
    readonly uses?: readonly AnyContract<Use>[];
    /** Returns the key of an instance: two starts under one key are one instance, and `stop` names it. Default a new key for each start. */
    readonly key?: (input: Input) => string;
    /** How many instances may be active at one time in one process, those that are undone included. Default: as many as the service has room for. */
    readonly concurrency?: number;
    /**
     * How long an instance may take in all, from its start. One that still runs then is stopped and undone, with the cause `late`. Its
     * undo may take as long as it needs. Default none.
     */
    readonly deadline?: Duration;
    /** The store of the owner, when it is not the default. It gives `tx` its type and has no other effect. */
    readonly store?: StoreDriver<T, unknown>;
  },
): Builder<S, EventsOf<M>, Use, T, Input, Record<never, never>> {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new SagaInvalid(`a saga name must be lower case letters, digits and hyphens, got ${JSON.stringify(name)}`);
  checkOptions(`the saga ${name}`, spec, { input: true, uses: true, key: true, concurrency: true, deadline: true, store: true });
  // A saga gets its input as JSON, and keeps the output of the validation as JSON.
  for (const side of ['input', 'output'] as const) {
    const form = formOf(spec.input, side);
    if ('wrong' in form) throw new SagaInvalid(`the input of the saga ${name} ${form.wrong}`);
  }
  const { concurrency } = spec;
  if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency > 0))
    throw new SagaInvalid(`the concurrency of the saga ${name} must be a whole number of 1 or more, got ${concurrency}`);
  const deadlineMs = spec.deadline === undefined ? undefined : Math.ceil(milliseconds(spec.deadline, `the deadline of the saga ${name}`));
  if (deadlineMs === 0)
    throw new SagaInvalid(`the deadline of the saga ${name} must be longer than 0, got ${spec.deadline}: leave it out for none`);
  const head = { service: owner['~contract'], name, input: spec.input, uses: spec.uses ?? [], key: spec.key, concurrency, deadlineMs };
  return build(head, []) as never;
}

/** The most characters of a plan (`planOf`). */
const longestPlan = 1000;

function build(head: Omit<AnySaga, 'steps'>, steps: readonly StepDefinition[]): object {
  function grown(kind: StepDefinition['kind'], name: string, step: Step<never, unknown>): object {
    // The name is part of the keys of the step's calls, which are headers of at most 255 characters.
    if (!/^[A-Za-z][\w-]{0,99}$/.test(name))
      throw new SagaInvalid(`a step name of ${head.name} must be up to 100 letters, digits, _ and -, got ${JSON.stringify(name)}`);
    if (steps.some((other) => other.name === name))
      throw new SagaInvalid(`the saga ${head.name} has two steps named ${name}; the name is a part of each call's key: rename one`);
    checkOptions(`the step ${name} of ${head.name}`, step, stepNames);
    const timeoutMs = milliseconds(step.timeout ?? '10s', `the timeout of the step ${name} of ${head.name}`);
    const all = [...steps, { kind, name, step, timeoutMs }];
    // An index has it, with the name of the saga.
    const { length } = planOf({ steps: all });
    if (length > longestPlan)
      throw new SagaInvalid(
        `the steps of ${head.name} have ${length} characters with their kinds; at most ${longestPlan} are kept: use shorter names, or two sagas`,
      );
    return build(head, all);
  }
  return Object.freeze({
    ...head,
    steps,
    step: (name: string, step: Step<never, unknown>) => grown('remote', name, step),
    local: (name: string, step: Step<never, unknown>) => grown('local', name, step),
  });
}

/** This code cannot continue active instances. The message names them and what is missing. */
export class SagaStranded extends SeaworthyError {
  readonly code = 'SW_SAGA_STRANDED';
  readonly kind = 'invalid';
}

const plans = new WeakMap<AnySaga['steps'], string>();

/** Returns what instances depend on in a definition: the names, kinds and order of its steps, and which of them can be undone. */
export function planOf({ steps }: Pick<AnySaga, 'steps'>): string {
  let plan = plans.get(steps);
  if (plan === undefined) {
    plan = steps.map(({ kind, name, step }) => `${kind} ${name}${step.undo ? ' undo' : ''}`).join(', ');
    plans.set(steps, plan);
  }
  return plan;
}

/** Returns whether `plan` is that of `saga`. If so, this code can continue all its instances. */
export const isPlanOf = (saga: AnySaga | undefined, plan: string): boolean => saga !== undefined && planOf(saga) === plan;

const machines = new WeakMap<AnySaga['steps'], MachineDefinition>();
const undoAttempts = 10;

/** Returns what the machine must know of a definition. `crashes` is the same for all sagas of an engine. */
export function machineOf({ steps }: AnySaga, crashes: number): MachineDefinition {
  const known = machines.get(steps);
  if (known?.crashes === crashes) return known;
  const machine: MachineDefinition = {
    steps: steps.map(({ name, kind, step }) => ({ name, kind, undoable: step.undo !== undefined, attempts: step.retry?.attempts ?? 3 })),
    undoAttempts,
    crashes,
  };
  machines.set(steps, machine);
  return machine;
}

/**
 * Returns why `saga` cannot continue `instance`, or `undefined` if it can. The steps that the instance has started must be the first ones
 * of the definition, in the same order: steps may be added, changed or removed behind them, but not before or among them. A step that
 * may have to be undone, or run again, keeps its kind, and its undo if it had one.
 */
export function incompatibility(saga: AnySaga | undefined, instance: Instance): string | undefined {
  if (!saga) return 'its saga is no longer defined';
  if (planOf(saga) === instance.plan) return undefined;
  const planned = plannedSteps(instance);
  for (const [index, { step, state }] of instance.journal.entries()) {
    const now = saga.steps[index];
    if (!now) return `its step ${step} was removed`;
    if (now.name !== step) return `its step ${index + 1} was ${step} and is ${now.name} now`;
    if (state !== 'done' && state !== 'intended' && state !== 'stuck') continue;
    const { kind, undo } = planned[index] as PlannedStep;
    if (undo && !now.step.undo) return `its step ${step} can no longer be undone`;
    const needed = state === 'intended' || now.step.undo !== undefined;
    if (needed && now.kind !== kind) return `its step ${step} was ${kind} and is ${now.kind} now`;
  }
  return undefined;
}

const shownAtMost = 10;

/**
 * Throws `SagaStranded` when this code cannot continue an instance that has not ended. Instances of an unchanged definition are not read;
 * the others are read a few at a time, since each may be large. An instance that cannot be read is reported when the engine comes to it.
 */
export async function verifyVersions(read: Read, sagas: readonly AnySaga[]): Promise<void> {
  const stranded: string[] = [];
  let count = 0;
  for (const { name, plan } of await openPlans(read)) {
    const saga = sagas.find((one) => one.name === name);
    if (isPlanOf(saga, plan)) continue;
    for await (const instance of openInstances(read, name, plan)) {
      const why = instance.unreadable === undefined ? incompatibility(saga, instance) : undefined;
      if (why === undefined) continue;
      count++;
      if (stranded.length < shownAtMost) stranded.push(`${name} ${instance.key} (${instance.id}): ${why}`);
    }
  }
  if (count === 0) return;
  throw new SagaStranded(
    `this code cannot continue ${count} active sagas: ${stranded.join('; ')}${count > shownAtMost ? '; ...' : ''}. Run the code that started them until they have ended, or keep their steps as they were`,
  );
}
