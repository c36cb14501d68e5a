import { causeText, currentStep, type Instance } from 'seaworthy/saga';

/** Returns the step that a saga runs or undoes. If it has ended, returns its last step, or the step that caused its undo. */
export function positionOf(instance: Instance): string {
  const { cause, journal } = instance;
  const now = currentStep(instance);
  if (now) return now.undo ? `undo of ${now.step}` : now.step;
  return cause && 'step' in cause ? cause.step : (journal.at(-1)?.step ?? '');
}

/** Returns why a saga is undone, or will be, with the step that caused it. */
export function causeOf({ cause, stopping }: Pick<Instance, 'cause' | 'stopping'>): string | undefined {
  if (!cause) return stopping === undefined ? undefined : `to be undone: ${causeText(stopping)}`;
  return causeText(cause);
}
