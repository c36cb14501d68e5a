import { Failure } from '../client/call.ts';
import { copied } from '../core/copy.ts';
import { callsOf } from './calls.ts';
import { causeOf, type Interruption } from './cause.ts';
import { type Held, type Interrupts, Overtaken } from './held.ts';
import type { Entry } from './journal.ts';
import { readSaga } from './list.ts';
import { nextTransition, runLocals } from './locals.ts';
import type { Recorded } from './saga.ts';
import { kept, postponedMs, resultsOf, StepCrashed, seenWithin, stepCrashed, stepKey, waitsForCodeMs } from './step.ts';
import { traced } from './traced.ts';

const longestRetryMs = 30_000;
const attemptsOf = ({ step }: Recorded): number => step.retry?.attempts ?? 3;

/** What a run that was cut short is undone for, as the row says. */
async function interruption({ parts, instance }: Held): Promise<Interruption> {
  return (await readSaga(parts.store.sqlRead, instance.id))?.stopping ?? { kind: 'stopped', reason: 'stopped' };
}

/** No run is left that could succeed: all is undone. What was declared is an answer, and told to nobody else. */
async function giveUp(
  held: Held,
  { name }: Recorded,
  error: unknown,
  { attempts, journal }: { readonly attempts: number; readonly journal: readonly Entry[] },
): Promise<void> {
  const { parts, saga, instance } = held;
  const { id, trace } = instance;
  await held.undoing(causeOf(name, error), journal);
  if (error instanceof Failure) return;
  const message = `the step ${name} of ${saga.name} failed, and the saga is undone`;
  parts.runtime.observe.log(error instanceof StepCrashed ? 'error' : 'warn', message, { saga: saga.name, id, attempts, error }, trace);
}

/** Runs the local steps behind `journal`; when one fails, `journal` is kept all the same. */
async function locals(held: Held, { stop, cut }: Interrupts, journal: readonly Entry[], attempts: number): Promise<number | undefined> {
  const { parts, saga, instance } = held;
  const change = nextTransition(saga, journal);
  if (change) {
    await held.move(change);
    return undefined;
  }
  let at: Recorded | undefined;
  const begins = (step: Recorded): void => {
    at = step;
  };
  try {
    await held.move((tx, own) => runLocals(parts, saga, { tx, own, instance, journal, parents: [stop, cut], begins }));
  } catch (error) {
    if (cut.aborted || error instanceof Overtaken || !at) throw error;
    if (stop.aborted) {
      await held.undoing(await interruption(held), journal);
      return undefined;
    }
    if (!(error instanceof Failure) && attempts + 1 < attemptsOf(at))
      return held.again(error, { what: `the step ${at.name}`, longestMs: longestRetryMs, attempts: attempts + 1, journal });
    await giveUp(held, at, error, { attempts: attempts + 1, journal });
  }
  return undefined;
}

/** How long a step waits whose answer this code cannot read; it says so when it begins to. */
function waitsForCode({ parts, saga, instance }: Held, { name }: Recorded, error: unknown): number | undefined {
  const wait = waitsForCodeMs(error, instance.journal.at(-1)?.began, parts.runtime.clock.now());
  if (wait === undefined || instance.error !== undefined) return wait;
  const message = `the step ${name} of ${saga.name} has an answer of another version, and waits for code that can read it`;
  parts.runtime.observe.log('error', message, { saga: saga.name, id: instance.id, error }, instance.trace);
  return wait;
}

async function remote(held: Held, step: Recorded, interrupts: Interrupts): Promise<number | undefined> {
  const { parts, instance } = held;
  const { stop, cut } = interrupts;
  const { clock } = parts.runtime;
  const { journal } = instance;
  const before = journal.slice(0, -1);
  const seen = { input: copied(instance.input), results: copied(resultsOf(before)), now: clock.now() };
  const run = step.step.do as (context: never) => unknown;
  const key = stepKey(instance, step.name);
  let happened = (): boolean => false;
  let result: unknown;
  try {
    const returned = await traced('step', parts, instance, step, [stop, cut], ({ within, trace, run: life }) => {
      const calls = callsOf({ caller: parts.call, clock, key, step, within, trace, run: life });
      happened = calls.happened;
      return run(seenWithin({ ...seen, call: calls.call }, within) as never);
    });
    result = kept(step.name, returned);
  } catch (error) {
    if (cut.aborted) throw error;
    if (error instanceof Failure) {
      // A step may make several calls: refused is only the last one.
      await held.undoing(causeOf(step.name, error), happened() ? journal : [...before, { step: step.name, state: 'refused' }]);
      return undefined;
    }
    if (stop.aborted) {
      await held.undoing(await interruption(held));
      return undefined;
    }
    const wait = postponedMs(error) ?? waitsForCode(held, step, error);
    if (wait !== undefined) return held.postpone(error, wait, journal);
    const attempts = instance.attempts + 1;
    if (attempts < attemptsOf(step))
      return held.again(error, { what: `the step ${step.name}`, longestMs: longestRetryMs, attempts, journal });
    await giveUp(held, step, error, { attempts, journal });
    return undefined;
  }
  const done: readonly Entry[] = [...before, { step: step.name, state: 'done', ...(result !== undefined && { result }) }];
  // If a local step behind it kills the process, the next death is that step's.
  let wait: number | undefined;
  if (instance.crashes > 0) await held.move({ state: 'running', journal: done });
  else wait = await locals(held, interrupts, done, 0);
  // Stopped meanwhile: what came of this step is known all the same, and its undo shall see it.
  const { state, stopping } = held.instance;
  if (state !== 'running' || stopping === undefined) return wait;
  await held.undoing(stopping, done);
  return undefined;
}

/** Takes the next step of a running instance. Returns the milliseconds to wait before the one after it, if there is any. */
export async function forward(held: Held, interrupts: Interrupts): Promise<number | undefined> {
  const { saga, instance } = held;
  if (instance.stopping !== undefined) {
    await held.undoing(instance.stopping);
    return undefined;
  }
  const last = instance.journal.at(-1);
  const next = last?.state === 'intended' ? saga.steps[instance.journal.length - 1] : saga.steps[instance.journal.length];
  if (next && instance.crashes >= held.parts.crashes) {
    const { crashes, attempts, journal } = instance;
    await giveUp(held, next, stepCrashed(`the step ${next.name}`, crashes), { attempts, journal });
    return undefined;
  }
  if (last?.state !== 'intended') return locals(held, interrupts, instance.journal, instance.attempts);
  return remote(held, saga.steps.find(({ name }) => name === last.step) as Recorded, interrupts);
}
