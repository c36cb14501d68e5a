import type { Entry, Instance } from './journal.ts';
import { plannedSteps } from './versions.ts';

/** The step that an instance is at. */
export interface SagaPosition {
  readonly step: string;
  /** Its undo is at hand, or stuck, and not the step itself. */
  readonly undo: boolean;
}

const undoable: ReadonlySet<Entry['state']> = new Set(['done', 'intended', 'stuck']);

/** The place in the journal of what is to be undone next: the last that is not yet, and can be. -1 when nothing is left. */
export const nextUndo = (journal: readonly Entry[], canBeUndone: (entry: Entry, index: number) => boolean): number =>
  journal.findLastIndex((entry, index) => undoable.has(entry.state) && canBeUndone(entry, index));

/** Which step an instance runs, undoes, or waits with for a verdict; `undefined` when it has ended, or nothing is left to do. */
export function currentStep(instance: Instance): SagaPosition | undefined {
  const { state, journal } = instance;
  if (state === 'done' || state === 'undone') return undefined;
  const steps = plannedSteps(instance);
  if (state === 'running') {
    const last = journal.at(-1);
    const step = last?.state === 'intended' ? last.step : steps[journal.length]?.name;
    return step === undefined ? undefined : { step, undo: false };
  }
  const entry = journal[nextUndo(journal, (_, index) => steps[index]?.undo === true)];
  return entry && { step: entry.step, undo: true };
}
