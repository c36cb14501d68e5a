import { copied } from '../core/copy.ts';
import { isA } from '../core/thrown.ts';
import { StoreUnavailable } from '../store/errors.ts';
import type { Calls } from './calls.ts';
import type { StepDefinition } from './definition.ts';
import { type Entry, errorOf, type Refusals, resultsOf } from './instance.ts';
import { runLocal } from './local-step.ts';
import { failedRun } from './outcome.ts';
import { runRemote } from './remote-step.ts';
import { isStale, type SagaRun } from './saga-run.ts';
import { atOnceMs, pendingMs, postponedMs } from './waits.ts';

/**
 * Runs the undo of the step `at`, and writes its outcome. Returns the milliseconds to wait before what the instance needs then;
 * `undefined` for none.
 */
export async function undoStep(run: SagaRun, step: StepDefinition, at: number): Promise<number | undefined> {
  const { deps, instance } = run;
  // A stop is over by now: only the end of the engine interrupts an undo.
  const { cut } = run.interrupts;
  const { input, cause, journal } = instance;
  const entry = journal[at] as Entry;
  const now = deps.runtime.clock.now();
  const results = resultsOf(journal.slice(0, at));
  const seen = () => ({ ...copied({ input, results, result: entry.result, cause }), now });
  let refusals = (): Refusals => ({});
  let moved = (): boolean => false;
  const begun = (calls: Calls): void => {
    ({ refusals, moved } = calls);
  };
  try {
    if (step.kind === 'local') {
      await run.transition(async (tx) => {
        await runLocal('undo', deps, instance, step, { tx, seen: seen(), parents: [cut] }, () => {});
        return run.settled(instance, { kind: 'done' }, now);
      });
      return undefined;
    }
    await runRemote('undo', deps, instance, step, { seen: seen(), parents: [cut], begun, entry });
  } catch (error) {
    if (cut.aborted || isStale(error) || isA(error, StoreUnavailable)) throw error;
    const waitMs = moved() ? atOnceMs : (postponedMs(error) ?? pendingMs(error));
    if (waitMs === undefined) return run.conclude({ outcome: failedRun(run, error, instance, refusals()), error });
    return run.conclude({ outcome: { kind: 'postponed', message: errorOf(error).message, waitMs, refusals: refusals() }, error });
  }
  return run.conclude({ outcome: { kind: 'done' } });
}
