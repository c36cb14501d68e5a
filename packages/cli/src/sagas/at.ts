import { causeText, currentStep, type Instance } from 'seaworthy/saga';

/** The step that it is at, or that it ended with: of one that is undone, the one that failed, or that it was at when it was stopped or late. */
export function atOf(instance: Instance): string {
  const { cause, journal } = instance;
  const now = currentStep(instance);
  if (now) return now.undo ? `undo of ${now.step}` : now.step;
  return cause && 'step' in cause ? cause.step : (journal.at(-1)?.step ?? '');
}

/** Why it is undone, or shall be, with the step whose fault it is. */
export function causeOf({ cause, stopping }: Pick<Instance, 'cause' | 'stopping'>): string | undefined {
  if (!cause) return stopping === undefined ? undefined : `to be undone: ${causeText(stopping)}`;
  return causeText(cause);
}
