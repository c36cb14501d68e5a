import { type Call, Failure, type Reply, reply } from '../client/call.ts';
import type { Caller } from '../client/caller.ts';
import { CallFailed } from '../client/errors.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import type { Scope } from '../core/abort.ts';
import type { Clock } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import type { Lifetime } from '../core/lifetime.ts';
import type { TraceContext } from '../core/trace.ts';
import type { StepDefinition } from './definition.ts';
import type { Refusals } from './instance.ts';

/** The calls of one run of a step or an undo. */
export interface Calls {
  readonly call: Call;
  /** Returns whether a command was called that may have happened: any that did not end with a declared error. */
  readonly happened: () => boolean;
  /** Returns the refusals of all runs until now. */
  readonly refusals: () => Refusals;
  /** Returns whether a call must be made under another key, since a verdict changed what it sends. Nothing was done. */
  readonly moved: () => boolean;
}

export interface CallsDeps {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly key: string;
  readonly step: StepDefinition;
  readonly within: Scope;
  /** The lifetime of the run: every call must have settled when it ends. */
  readonly run: Lifetime;
  /** The trace of the run. */
  readonly trace: TraceContext | undefined;
  /** The key of the step that the calls undo. */
  readonly undoes?: string;
  /** The refusals of earlier runs. A refused call did nothing, and its answer is kept under its key, so it is repeated under another key. */
  readonly refusals?: Refusals | undefined;
  /** The refusals at the moment when a verdict gave the step its result: from then on the calls may send something else. */
  readonly refusalsAtVerdict?: Refusals | undefined;
}

const isKeyReused = (error: unknown): boolean => error instanceof CallFailed && error.problem.code === 'SW_IDEMPOTENCY_KEY_REUSED';

/** Makes the calls of a run. Their keys are derived from the step's key, so that a repeated run makes the same calls. */
export function callsOf({ caller, clock, key, step, within, run, trace, undoes, refusals = {}, refusalsAtVerdict }: CallsDeps): Calls {
  const counts = new Map<string, number>();
  const deadline = new Deadline(clock, clock.monotonic() + step.timeoutMs);
  const calling = caller as unknown as (operation: unknown, input: unknown, options: object) => Promise<unknown>;
  const refused = { ...refusals };
  let unsettled = 0;
  let moved = false;

  function send(operation: Operation & Bound, name: string, input: unknown): Promise<unknown> {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    const id = `${name}#${count}`;
    const before = refusals[id];
    const answer = calling(operation, input, {
      key: `${key}#${count}${before === undefined ? '' : `~${before}`}`,
      deadline,
      signal: within.signal,
      trace,
      undoes,
    });
    if (operation.kind !== 'command') return answer;
    unsettled++;
    answer.then(undefined, (error: unknown) => {
      // A verdict changed the call under this key, so nothing was done. A call that was first sent after the verdict keeps its key.
      const another = refusalsAtVerdict !== undefined && before === refusalsAtVerdict[id] && isKeyReused(error);
      if (!(error instanceof Failure) && !another) return;
      moved ||= another;
      unsettled--;
      refused[id] = (before ?? 0) + 1;
    });
    return answer;
  }

  function call(operation: Operation & Bound, input: unknown): Reply<unknown, unknown> {
    const name = `${operation.service}.${operation.name}`;
    const what = (): string => `the call of ${name}`;
    const answer = run.use('call', () => run.watch(what, send(operation, name, input)));
    const { outcome } = reply<unknown, unknown>(answer, operation.errors ?? {});
    return Object.assign(answer, { outcome: () => run.watch(what, outcome()) });
  }

  return { call: call as unknown as Call, happened: () => unsettled > 0, refusals: () => refused, moved: () => moved };
}
