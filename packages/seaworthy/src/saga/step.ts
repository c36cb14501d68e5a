import type { Call } from '../client/call.ts';
import type { Caller } from '../client/caller.ts';
import { CallFailed } from '../client/errors.ts';
import type { At, Operation } from '../contract/contract.ts';
import { Deadline } from '../core/deadline.ts';
import { milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Runtime } from '../core/runtime.ts';
import { retryAfterOf } from '../resilience/classify.ts';
import { LocalRejection } from '../resilience/errors.ts';
import type { Entry, Instance } from './journal.ts';
import type { Recorded } from './saga.ts';

/** A run of a step or an undo took longer than its timeout; its outcome is unknown. */
export class StepTimeout extends SeaworthyError {
  readonly code = 'SW_SAGA_STEP_TIMEOUT';
  readonly kind = 'deadline';
}

/** The running step is cut short since its saga is to be stopped; it will be undone. */
export class SagaStopping extends SeaworthyError {
  readonly code = 'SW_SAGA_STOPPING';
  readonly kind = 'cancelled';
}

/** A step gave something that is no JSON, and cannot be kept. */
export class ResultInvalid extends SeaworthyError {
  readonly code = 'SW_SAGA_RESULT_INVALID';
  readonly kind = 'internal';
}

export const stepKey = (instance: Instance, step: string): string => `${instance.id}.${step}`;

/** Results by the names of the steps that gave them. */
export const resultsOf = (journal: readonly Entry[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(journal.filter(({ state }) => state !== 'intended' && state !== 'refused').map(({ step, result }) => [step, result]));

/** A result as it will be read again. Throws `ResultInvalid`. */
export function kept(step: string, result: unknown): unknown {
  if (result === undefined) return undefined;
  try {
    const json = JSON.stringify(result);
    if (json !== undefined) return JSON.parse(json);
  } catch (cause) {
    throw new ResultInvalid(`the result of the step ${step} is no JSON (${(cause as Error).message}): return plain data`, { cause });
  }
  throw new ResultInvalid(`the result of the step ${step} is no JSON but ${typeof result}: return plain data`);
}

/** The call of one run: its keys are the step's own, so that a repeated run makes the same calls. */
export function callOf(caller: Caller, runtime: Runtime, key: string, { step }: Recorded, signal: AbortSignal, undoes?: string): Call {
  const made = new Map<string, number>();
  const deadline = Deadline.after(runtime.clock, step.timeout ?? '10s');
  const calling = caller as unknown as (operation: unknown, input: unknown, options: object) => unknown;
  return ((operation: Operation & At, input: unknown) => {
    const name = `${operation.service}.${operation.name}`;
    const count = (made.get(name) ?? 0) + 1;
    made.set(name, count);
    return calling(operation, input, { key: `${key}#${count}`, deadline, signal, undoes });
  }) as unknown as Call;
}

/** Nothing was done and nobody is to blame: the step waits, and has not used up an attempt. Milliseconds, or `undefined`. */
export function postponedMs(error: unknown): number | undefined {
  const inProgress =
    error instanceof CallFailed && (error.problem.code === 'SW_IDEMPOTENCY_IN_PROGRESS' || error.problem.code === 'SW_SERVICE_UNREADY');
  if (!inProgress && !(error instanceof LocalRejection)) return undefined;
  return Math.max(50, retryAfterOf(error) ?? 500);
}

/** Exponential with full jitter, from 1 s. */
export const backoffMs = (attempts: number, longestMs: number, random: Random): number =>
  Math.max(50, random.next() * Math.min(longestMs, 1000 * 2 ** Math.min(attempts - 1, 20)));

export const timeoutMs = ({ step }: Recorded): number => milliseconds(step.timeout ?? '10s', 'timeout');
