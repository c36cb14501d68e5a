import { Failure } from '../client/call.ts';
import { backoffMs } from '../core/backoff.ts';
import { isA } from '../core/thrown.ts';
import { StoreUnavailable } from '../store/errors.ts';
import type { StepDefinition } from './definition.ts';
import { type Cause, errorOf, failureData, type Instance, type Refusals } from './instance.ts';
import type { Ended, Outcome } from './machine.ts';
import { isStale, type SagaRun } from './saga-run.ts';
import { readSaga } from './saga-store.ts';
import { longestWaitMs, postponedMs, waitsForCodeMs } from './waits.ts';

const retries = { baseMs: 1000, leastMs: 50, jitter: 'full' } as const;
const longestRetryMs = { running: 30_000, undoing: longestWaitMs };

/** Returns the outcome of a run that failed, with the wait before the next one. */
export function failedRun(
  { deps }: SagaRun,
  error: unknown,
  { attempts, state }: Instance,
  refusals: Refusals = {},
): Outcome & { readonly kind: 'failed' } {
  const capMs = longestRetryMs[state === 'undoing' ? 'undoing' : 'running'];
  const waitMs = backoffMs({ ...retries, capMs }, attempts + 1, deps.runtime.random);
  return { kind: 'failed', ...errorOf(error), waitMs, refusals };
}

/** Returns why the row says that the instance is interrupted. */
async function interruption({ deps, instance }: SagaRun): Promise<Cause> {
  const current = await readSaga(deps.store.sqlRead, instance.id);
  return current?.stopping ?? { kind: 'stopped', reason: 'stopped' };
}

/**
 * Returns what an error of a step means. `happened` says whether a command of the run may have taken effect. Throws the error when the
 * engine ends, another worker has the instance, or the database was not available, which says nothing about the step.
 */
export async function failedStep(
  run: SagaRun,
  error: unknown,
  step: StepDefinition,
  instance: Instance,
  happened: () => boolean = () => false,
): Promise<Ended> {
  const { stop, cut } = run.interrupts;
  if (cut.aborted || isStale(error) || isA(error, StoreUnavailable)) throw error;
  if (error instanceof Failure)
    return { outcome: { kind: 'refused', name: error.name, data: failureData(error), happened: happened() }, error };
  if (stop.aborted) return { outcome: { kind: 'interrupted', cause: await interruption(run) }, error };
  if (step.kind === 'remote') {
    const forCode = waitsForCodeMs(error, instance.journal.at(-1)?.began, run.deps.runtime.clock.now());
    const waitMs = postponedMs(error) ?? forCode;
    if (forCode !== undefined && instance.error === undefined) {
      const message = `the answer to the step ${step.name} of ${run.saga.name} is of another version; waiting for code that can read it`;
      run.log('error', message, { error });
    }
    if (waitMs !== undefined) return { outcome: { kind: 'postponed', message: errorOf(error).message, waitMs }, error };
  }
  return { outcome: failedRun(run, error, instance), error };
}
