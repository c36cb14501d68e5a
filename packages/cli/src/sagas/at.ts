import type { Entry, Instance } from 'seaworthy/saga';

/** Where an instance is: the step that is run, undone or stuck, or with which it ended. */
export interface At {
  readonly step: string;
  /** Its undo is at hand, not the step itself. */
  readonly undo: boolean;
}

const undoable: ReadonlySet<Entry['state']> = new Set(['done', 'intended', 'stuck']);

/** What an instance is at now; `undefined` when it has ended, or has nothing left to do. */
export function atNow({ state, plan, journal }: Instance): At | undefined {
  const steps = plan.split(', ').map((step) => step.split(' '));
  if (state === 'running') {
    const last = journal.at(-1);
    const step = last?.state === 'intended' ? last.step : steps[journal.length]?.[1];
    return step === undefined ? undefined : { step, undo: false };
  }
  if (state === 'done' || state === 'undone') return undefined;
  const entry = journal.findLast((one, index) => undoable.has(one.state) && steps[index]?.[2] === 'undo');
  return entry && { step: entry.step, undo: true };
}

/** The step that it is at, or that it ended with: of one that is undone, the one that failed, or that it was stopped at. */
export function atOf(instance: Instance): string {
  const { cause, journal } = instance;
  const now = atNow(instance);
  if (now) return now.undo ? `undo of ${now.step}` : now.step;
  return cause && cause.kind !== 'stopped' ? cause.step : (journal.at(-1)?.step ?? '');
}

/** Why it is undone, or shall be, with the step whose fault it is. */
export function causeOf({ cause, stopping }: Pick<Instance, 'cause' | 'stopping'>): string | undefined {
  if (!cause) return stopping === undefined ? undefined : `to be stopped: ${stopping}`;
  if (cause.kind === 'stopped') return `stopped: ${cause.reason}`;
  if (cause.kind === 'declared') return `${cause.step} was refused: ${cause.name}`;
  return `${cause.step} failed: ${cause.code === undefined ? '' : `${cause.code}: `}${cause.message}`;
}
