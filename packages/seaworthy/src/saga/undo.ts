import { copied } from '../core/copy.ts';
import { textOf } from '../core/thrown.ts';
import { collector } from '../outbox/outbox.ts';
import { lentTx } from '../store/lent.ts';
import { callsOf } from './calls.ts';
import { type Held, type Interrupts, Overtaken } from './held.ts';
import type { Entry, Refusals } from './journal.ts';
import type { Recorded } from './saga.ts';
import { atOnceMs, longestWaitMs, pendingMs, postponedMs, resultsOf, seenWithin, stepCrashed, stepKey } from './step.ts';
import { type Running, traced } from './traced.ts';
import { nextUndo } from './where.ts';

const attemptsInAll = 10;
const longestUndoMs = longestWaitMs;

/** No run of its undo is left that could succeed: it waits for a verdict. */
async function stick(held: Held, index: number, tried: Entry, error: unknown, attempts: number): Promise<void> {
  const { parts, saga, instance } = held;
  const { observe } = parts.runtime;
  const message = `${saga.name} is stuck: its step ${tried.step} cannot be undone, and waits for a verdict`;
  observe.log('error', message, { saga: saga.name, id: instance.id, error }, instance.trace);
  observe.count('seaworthy_saga_ended_total', { saga: saga.name, state: 'stuck' });
  const waiting = instance.journal.with(index, { ...tried, state: 'stuck' });
  await held.move({ state: 'stuck', journal: waiting, attempts, error: textOf(error) });
}

/** Takes back the last step that is not taken back yet. Returns the milliseconds to wait before the next try, if it failed. */
export async function undo(held: Held, { cut }: Interrupts): Promise<number | undefined> {
  const { parts, saga, instance } = held;
  const { contract, runtime } = parts;
  const { clock } = runtime;
  const stepOf = (name: string): Recorded => saga.steps.find((step) => step.name === name) as Recorded;
  const index = nextUndo(instance.journal, ({ step }) => stepOf(step).step.undo !== undefined);
  const entry = instance.journal[index];
  if (!entry) {
    await held.move({ state: 'undone', journal: instance.journal });
    return undefined;
  }
  const step = stepOf(entry.step);
  if (instance.crashes >= parts.crashes) {
    await stick(held, index, entry, stepCrashed(`the undo of ${step.name}`, instance.crashes), instance.attempts);
    return undefined;
  }
  const run = step.step.undo as (context: never) => unknown;
  const journal = instance.journal.with(index, { ...entry, state: 'undone' });
  const { input, cause } = instance;
  const now = clock.now();
  const results = resultsOf(instance.journal.slice(0, index));
  // Copies for each run: what one makes of them neither a repeated one nor the journal sees.
  const seen = () => ({ ...copied({ input, results, result: entry.result, cause }), now });
  let refusals = (): Refusals => ({});
  let moved = (): boolean => false;
  try {
    // A stop is over by now: only the end of the engine interrupts an undo.
    if (step.kind === 'local') {
      await held.move(async (tx, own) => {
        const events = collector(contract, runtime, { trace: instance.trace, tx: own });
        const work = ({ within, run: life }: Running): unknown => {
          const given = { ...seen(), tx: lentTx(parts.store, tx, life), publish: life.lend('publish', events.publish) };
          return run(seenWithin(given, within) as never);
        };
        await traced('undo', parts, instance, step, [cut], work, (name) => own.level.verify(name));
        await events.write(own);
        return { state: 'undoing', journal };
      });
    } else {
      const undoes = stepKey(instance, step.name);
      await traced('undo', parts, instance, step, [cut], ({ within, trace, run: life }) => {
        const calls = callsOf({
          ...{ caller: parts.call, clock, key: `${undoes}.undo`, step, within, trace, undoes, run: life },
          ...{ refusals: entry.refusals, told: entry.told },
        });
        ({ refusals, moved } = calls);
        return run(seenWithin({ ...seen(), call: calls.call }, within) as never);
      });
      await held.move({ state: 'undoing', journal });
    }
    return undefined;
  } catch (error) {
    if (cut.aborted || error instanceof Overtaken) throw error;
    const wait = moved() ? atOnceMs : (postponedMs(error) ?? pendingMs(error));
    const refused = refusals();
    const tried: Entry = Object.keys(refused).length > 0 ? { ...entry, refusals: refused } : entry;
    const left = tried === entry ? instance.journal : instance.journal.with(index, tried);
    if (wait !== undefined) return held.postpone(error, wait, left);
    const attempts = instance.attempts + 1;
    if (attempts < attemptsInAll)
      return held.again(error, { what: `the undo of ${step.name}`, longestMs: longestUndoMs, attempts, journal: left });
    await stick(held, index, tried, error, attempts);
    return undefined;
  }
}
