import { SeaworthyError } from '../core/errors.ts';

/** An idempotency key was used before with another input. */
export class KeyReused extends SeaworthyError {
  readonly code = 'SW_IDEMPOTENCY_KEY_REUSED';
  readonly kind = 'mismatch';
}

/** The first call under this idempotency key is still in progress. */
export class KeyInProgress extends SeaworthyError {
  readonly code = 'SW_IDEMPOTENCY_IN_PROGRESS';
  readonly kind = 'conflict';
}

/**
 * Another process has committed something about the key or the step of a call since the call looked: it looks again. It does not leave
 * the service.
 */
export class Overtaken extends Error {}

/** The saga step of this call was undone before the call arrived. */
export class StepUndone extends SeaworthyError {
  readonly code = 'SW_STEP_UNDONE';
  readonly kind = 'mismatch';
}

/** The saga step that this call undoes has an external command without an outcome, which must be known first. */
export class StepInProgress extends SeaworthyError {
  readonly code = 'SW_STEP_IN_PROGRESS';
  readonly kind = 'conflict';
}

/** A handler gave an output or an error that its contract does not declare, which is a bug of the service. Nothing was committed. */
export class OutputInvalid extends SeaworthyError {
  readonly code = 'SW_OUTPUT_INVALID';
  readonly kind = 'internal';
}

/** A handler made a failure and did not throw it, which is a bug of the service. Nothing was committed. */
export class FailureNotThrown extends SeaworthyError {
  readonly code = 'SW_FAILURE_NOT_THROWN';
  readonly kind = 'internal';
}

/** A handler made a refusal and did not return it, which is a bug of the service. Nothing was committed. */
export class RefusalNotReturned extends SeaworthyError {
  readonly code = 'SW_REFUSAL_NOT_RETURNED';
  readonly kind = 'internal';
}

/** The answer recorded under a key is an error that the contract no longer declares. */
export class AnswerOutdated extends SeaworthyError {
  readonly code = 'SW_ANSWER_OUTDATED';
  readonly kind = 'internal';
}

/** The service does not have this operation. */
export class OperationUnknown extends SeaworthyError {
  readonly code = 'SW_OPERATION_UNKNOWN';
  readonly kind = 'not_found';
}

/** The service is starting or stopping. Another instance can answer, or the same one later. */
export class ServiceUnready extends SeaworthyError {
  readonly code = 'SW_SERVICE_UNREADY';
  readonly kind = 'unavailable';
}

/** A third party has given no outcome yet. The intent is kept and driven to one. */
export class OutcomePending extends SeaworthyError {
  readonly code = 'SW_OUTCOME_PENDING';
  readonly kind = 'unavailable';
}

/** There are open intents of an external command that this code does not have. The message names the command. */
export class IntentStranded extends SeaworthyError {
  readonly code = 'SW_INTENT_STRANDED';
  readonly kind = 'invalid';
}

/** The caller left before it had its answer. */
export class CallCancelled extends SeaworthyError {
  readonly code = 'SW_CALL_CANCELLED';
  readonly kind = 'cancelled';
}

/** A handler threw an error that its contract does not declare. */
export class HandlerFailed extends SeaworthyError {
  readonly code = 'SW_HANDLER_FAILED';
  readonly kind = 'internal';
}

/** A service's handlers or sagas do not match its contract, or a handler was called that only a service can run. */
export class ServiceInvalid extends SeaworthyError {
  readonly code = 'SW_SERVICE_INVALID';
  readonly kind = 'invalid';
}
