import type { Caller } from '../client/caller.ts';
import type { Scope } from '../core/abort.ts';
import { copied } from '../core/copy.ts';
import { type Calls, callsOf } from './calls.ts';
import type { StepDefinition } from './definition.ts';
import { type Entry, type Instance, resultsOf, stepKey } from './instance.ts';
import { localSteps } from './local-step.ts';
import type { Ended } from './machine.ts';
import { failedStep } from './outcome.ts';
import type { SagaRun } from './saga-run.ts';
import { resultJson, type Seen, seenWithin, stepRun, type Tracing, type Work } from './step-run.ts';

/** Runs `do` or `undo` of a remote step. `begun` gets the calls of the run, `entry` is the journal's entry of a step that is undone. */
export function runRemote(
  verb: 'do' | 'undo',
  deps: Tracing & { readonly call: Caller },
  instance: Instance,
  step: StepDefinition,
  given: {
    readonly seen: Seen;
    readonly parents: readonly Scope[];
    readonly begun: (calls: Calls) => void;
    readonly entry?: Pick<Entry, 'refusals' | 'refusalsAtVerdict'>;
  },
): Promise<unknown> {
  const { seen, parents, begun, entry } = given;
  const { call: caller, runtime } = deps;
  const key = stepKey(instance, step.name);
  const keys =
    verb === 'do' ? { key } : { key: `${key}.undo`, undoes: key, refusals: entry?.refusals, refusalsAtVerdict: entry?.refusalsAtVerdict };
  const run = step.step[verb] as Work;
  return stepRun(verb, deps, instance, step, parents, ({ within, trace, life }) => {
    const calls = callsOf({ caller, clock: runtime.clock, step, within, trace, run: life, ...keys });
    begun(calls);
    return life.run(() => run(seenWithin({ ...seen, call: calls.call }, within) as never));
  });
}

async function called(run: SagaRun, step: StepDefinition): Promise<Ended> {
  const { deps, instance, interrupts } = run;
  const { input, journal } = instance;
  const seen = { input: copied(input), results: copied(resultsOf(journal.slice(0, -1))), now: deps.runtime.clock.now() };
  let happened = (): boolean => false;
  const begun = (calls: Calls): void => {
    happened = calls.happened;
  };
  try {
    const returned = await runRemote('do', deps, instance, step, { seen, parents: [interrupts.stop, interrupts.cut], begun });
    const result = resultJson(step.name, returned);
    return { outcome: { kind: 'done', ...(result !== undefined && { result }) } };
  } catch (error) {
    // A step may make several calls: only the last one is refused.
    return failedStep(run, error, step, instance, happened);
  }
}

/**
 * Runs a remote step, and writes its outcome together with the local steps that follow. Returns the milliseconds to wait before what the
 * instance needs then; `undefined` for none.
 */
export async function remoteStep(run: SagaRun, step: StepDefinition): Promise<number | undefined> {
  const ended = await called(run, step);
  const seen = run.instance;
  // A step that ends after a death is written by itself: if a local step behind it kills the process, the next death is that step's.
  if (ended.outcome.kind !== 'done' || seen.crashes > 0) return run.conclude(ended);
  const after = run.settled(seen, ended.outcome, run.deps.runtime.clock.now());
  if (run.stepAt(after)?.kind !== 'local') return run.conclude(ended);
  const wait = await localSteps(run, after);
  return run.isStopped(seen) ? run.conclude(ended) : wait;
}
