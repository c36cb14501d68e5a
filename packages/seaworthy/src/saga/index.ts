export {
  type Builder,
  type Saga,
  SagaInvalid,
  SagaStranded,
  type Start,
  type Started,
  type Stop,
  type Stopping,
  saga,
} from './definition.ts';
export {
  type Cause,
  causeText,
  type Entry,
  type GivenVerdict,
  type Instance,
  type Interruption,
  type PlannedStep,
  plannedSteps,
  type SagaState,
  SagaUnreadable,
  StepCrashed,
} from './instance.ts';
export { type ListedSaga, listSagas, type SagaFilter, sagaOf } from './list.ts';
export { currentStep, type SagaPosition } from './machine.ts';
export { SagaInputInvalid } from './starts.ts';
export { ResultInvalid, StepTimeout } from './step-run.ts';
export {
  resolveStuck,
  retrySaga,
  SagaNotRunning,
  SagaNotStuck,
  SagaNotWaiting,
  stopSaga,
  stuckSagas,
  type Verdict,
} from './verdict.ts';
