import type { AnySaga, StepDefinition } from './definition.ts';
import type { Instance } from './instance.ts';
import { localSteps } from './local-step.ts';
import { remoteStep } from './remote-step.ts';
import { type Interrupts, isStale, type SagaDeps, SagaRun } from './saga-run.ts';
import { directionOf, isSuspect } from './schedule.ts';
import { undoStep } from './undo.ts';

/**
 * How an instance continues: after a wait, from what it is now (in the other direction, or no longer alone), or alone. `undefined` when it
 * does not continue, or not in this process.
 */
export type Next = { readonly ms: number } | { readonly turned: Instance } | { readonly suspect: Instance } | undefined;

const isBack = (instance: Instance): boolean => directionOf(instance).back;

/** Does what an instance needs next. Returns the milliseconds to wait before what it needs then; `undefined` for none. */
async function advance(run: SagaRun): Promise<number | undefined> {
  const action = run.next();
  if (action.kind === 'rest') return undefined;
  if (action.kind === 'record') return run.conclude({ outcome: action.outcome });
  const step = run.saga.steps[action.at] as StepDefinition;
  if (action.verb === 'undo') return undoStep(run, step, action.at);
  return step.kind === 'local' ? localSteps(run, run.instance) : remoteStep(run, step);
}

/** Runs one instance until it ends, turns round, waits, or belongs to another worker. */
export async function drive(deps: SagaDeps, saga: AnySaga, begun: Instance, interrupts: Interrupts): Promise<Next> {
  const { closing, cut, isOwn } = interrupts;
  const run = new SagaRun(deps, saga, begun, interrupts);
  const back = isBack(begun);
  try {
    while (!closing.aborted && !cut.aborted) {
      if (run.instance.state !== 'running' && run.instance.state !== 'undoing') return undefined;
      if (isBack(run.instance) !== back) return { turned: run.instance };
      // A heartbeat was missed: the row says who has the instance.
      if (!isOwn()) return { ms: 0 };
      const wait = await advance(run);
      // A stop that comes just before the wait has precedence.
      if (wait !== undefined && isBack(run.instance) === back) return { ms: wait };
      // It has made a transition, and so is not a suspect any more.
      if (isSuspect(begun.crashes)) return { turned: run.instance };
    }
  } catch (error) {
    if (!cut.aborted && !isStale(error)) throw error;
  }
  return undefined;
}
