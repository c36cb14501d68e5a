import type { Scope } from '../core/abort.ts';
import { copied } from '../core/copy.ts';
import { runHandler } from '../outbox/handler-run.ts';
import { collector } from '../outbox/outbox.ts';
import { type AnySaga, machineOf, type StepDefinition } from './definition.ts';
import { type Instance, resultsOf } from './instance.ts';
import { apply, next } from './machine.ts';
import { failedStep } from './outcome.ts';
import type { SagaDeps, SagaRun } from './saga-run.ts';
import { resultJson, type Seen, seenWithin, stepRun, type Work } from './step-run.ts';

/** Runs `do` or `undo` of a local step in a transaction, and writes its events. Returns what `accept` makes of its result. */
export function runLocal<V>(
  verb: 'do' | 'undo',
  deps: SagaDeps,
  instance: Instance,
  step: StepDefinition,
  { tx, seen, parents }: { readonly tx: unknown; readonly seen: Seen; readonly parents: readonly Scope[] },
  accept: (result: unknown) => V,
): Promise<V> {
  const { store, contract, runtime, maxBytes } = deps;
  const run = step.step[verb] as Work;
  return stepRun(verb, deps, instance, step, parents, ({ within, life }) => {
    const events = collector(contract, runtime, { trace: instance.trace, tx: store.sql(tx), maxBytes });
    return runHandler(
      { store, tx, life, events },
      (lent) => run(seenWithin({ ...seen, ...lent }, within) as never),
      (result) => {
        // A run that was given up may return later, when its transaction has been rolled back: it must write nothing.
        if (within.aborted) throw within.reason;
        return accept(result);
      },
    );
  });
}

interface Locals {
  readonly tx: unknown;
  readonly now: number;
  readonly parents: readonly Scope[];
  /** Called with each step that begins. */
  readonly begins?: (step: StepDefinition) => void;
}

/**
 * Runs local steps in the caller's transaction, up to the next remote step or the end. Returns the instance after them, which is not
 * written.
 */
export async function runLocals(
  deps: SagaDeps,
  saga: AnySaga,
  instance: Instance,
  { tx, now, parents, begins }: Locals,
): Promise<Instance> {
  const machine = machineOf(saga, deps.crashes);
  for (let after = instance; ; ) {
    const action = next(machine, after);
    const step = action.kind === 'run' && action.verb === 'do' ? saga.steps[action.at] : undefined;
    if (action.kind === 'record') after = apply(machine, after, action.outcome, now);
    else if (step?.kind === 'local') {
      begins?.(step);
      const seen = { input: copied(after.input), results: copied(resultsOf(after.journal)), now: deps.runtime.clock.now() };
      const accept = (returned: unknown): unknown => resultJson(step.name, returned);
      const result = await runLocal('do', deps, instance, step, { tx, seen, parents }, accept);
      after = apply(machine, after, { kind: 'done', result }, now);
    } else return after;
  }
}

/**
 * Runs the local steps behind `from`, which is written with them, or alone when one fails. Returns the milliseconds to wait before what
 * the instance needs then; `undefined` for none.
 */
export async function localSteps(run: SagaRun, from: Instance): Promise<number | undefined> {
  const { deps, saga, interrupts } = run;
  const parents = [interrupts.stop, interrupts.cut];
  const now = deps.runtime.clock.now();
  let at: StepDefinition | undefined;
  const begins = (step: StepDefinition): void => {
    at = step;
  };
  try {
    await run.transition((tx) => runLocals(deps, saga, from, { tx, now, parents, begins }));
    return undefined;
  } catch (error) {
    if (!at) throw error;
    const { outcome } = await failedStep(run, error, at, from);
    const failing = saga.steps.indexOf(at);
    return run.conclude(
      { outcome: outcome.kind === 'failed' || outcome.kind === 'refused' ? { ...outcome, at: failing } : outcome, error },
      from,
    );
  }
}
