import type { Scope } from '../core/abort.ts';
import { copied } from '../core/copy.ts';
import { collector } from '../outbox/outbox.ts';
import { lentTx } from '../store/lent.ts';
import type { Tx } from '../store/store.ts';
import type { DriveParts } from './held.ts';
import type { Change, Entry, Instance } from './journal.ts';
import type { AnySaga, Recorded } from './saga.ts';
import { kept, resultsOf, seenWithin } from './step.ts';
import { type Running, traced } from './traced.ts';

export interface LocalsParts {
  readonly tx: unknown;
  readonly own: Tx;
  readonly instance: Instance;
  /** They begin where it ends. */
  readonly journal: readonly Entry[];
  readonly parents: readonly Scope[];
  /** Told of each step that begins. */
  readonly begins?: (step: Recorded) => void;
}

/** What follows `journal` when that is no local step: the intent of a remote one, or the end. */
export function nextTransition(saga: AnySaga, journal: readonly Entry[]): Change | undefined {
  const next = saga.steps[journal.length];
  if (!next) return { state: 'done', journal };
  return next.kind === 'remote' ? { state: 'running', journal: [...journal, { step: next.name, state: 'intended' }] } : undefined;
}

/** Runs local steps in the caller's transaction, up to the next remote step or the end. */
export async function runLocals(
  parts: DriveParts,
  saga: AnySaga,
  { tx, own, instance, journal, parents, begins }: LocalsParts,
): Promise<Change> {
  const { contract, runtime } = parts;
  const entries = [...journal];
  const events = collector(contract, runtime, { trace: instance.trace, tx: own });
  for (;;) {
    const change = nextTransition(saga, entries);
    if (change) {
      await events.write(own);
      return change;
    }
    const next = saga.steps[entries.length] as Recorded;
    const { name, step } = next;
    begins?.(next);
    const seen = { input: copied(instance.input), results: copied(resultsOf(entries)), now: runtime.clock.now() };
    const run = step.do as (context: never) => unknown;
    const work = ({ within, run: life }: Running): unknown =>
      run(seenWithin({ ...seen, tx: lentTx(parts.store, tx, life), publish: life.lend('publish', events.publish) }, within) as never);
    const returned = await traced('step', parts, instance, next, parents, work, (name) => own.level.verify(name));
    const result = kept(name, returned);
    entries.push({ step: name, state: 'done', ...(result !== undefined && { result }) });
  }
}
