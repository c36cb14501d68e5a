export { type Cause, causeText } from './cause.ts';
export type { Entry, Instance, SagaState } from './journal.ts';
export { listSagas, type SagaFilter, sagaOf } from './list.ts';
export { type Builder, type Saga, SagaInvalid, type Start, type Stop, saga } from './saga.ts';
export { SagaInputInvalid } from './starts.ts';
export { ResultInvalid, StepTimeout } from './step.ts';
export { judge, SagaNotStuck, stuckSagas, type Verdict } from './verdict.ts';
export { type PlannedStep, plannedSteps, SagaStranded } from './versions.ts';
export { type Where, whereIs } from './where.ts';
