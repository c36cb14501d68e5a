import { SeaworthyError } from '../core/errors.ts';

/** The same idempotency key came with another payload. */
export class KeyReused extends SeaworthyError {
  readonly code = 'SW_IDEMPOTENCY_KEY_REUSED';
  readonly kind = 'mismatch';
}

/** The first call under this idempotency key is still being worked on. */
export class KeyInProgress extends SeaworthyError {
  readonly code = 'SW_IDEMPOTENCY_IN_PROGRESS';
  readonly kind = 'conflict';
}

/** The saga step that this call belongs to was undone before the call arrived. */
export class StepUndone extends SeaworthyError {
  readonly code = 'SW_STEP_UNDONE';
  readonly kind = 'mismatch';
}

/** An external command of the saga step that this call undoes has no outcome yet; what it will be must be known before it is undone. */
export class StepInProgress extends SeaworthyError {
  readonly code = 'SW_STEP_IN_PROGRESS';
  readonly kind = 'conflict';
}

/** A handler answered something that its contract does not promise: a bug in the service. Nothing was committed. */
export class OutputInvalid extends SeaworthyError {
  readonly code = 'SW_OUTPUT_INVALID';
  readonly kind = 'internal';
}

/** A handler made a failure and returned all the same: a bug in the service. Nothing was committed. */
export class FailureNotThrown extends SeaworthyError {
  readonly code = 'SW_FAILURE_NOT_THROWN';
  readonly kind = 'internal';
}

/** A handler made a refusal and did not return it: a bug in the service. Nothing was committed. */
export class RefusalNotReturned extends SeaworthyError {
  readonly code = 'SW_REFUSAL_NOT_RETURNED';
  readonly kind = 'internal';
}

/** The answer that is kept under a key is an error that the contract does not declare any more. */
export class AnswerOutdated extends SeaworthyError {
  readonly code = 'SW_ANSWER_OUTDATED';
  readonly kind = 'internal';
}

/** The service offers no such operation. */
export class OperationUnknown extends SeaworthyError {
  readonly code = 'SW_OPERATION_UNKNOWN';
  readonly kind = 'not_found';
}

/** The service is stopping; another instance, or the same one later, can serve. */
export class ServiceUnready extends SeaworthyError {
  readonly code = 'SW_SERVICE_UNREADY';
  readonly kind = 'unavailable';
}

/** A third party gave no outcome yet; the intent is kept and driven to one. */
export class OutcomePending extends SeaworthyError {
  readonly code = 'SW_OUTCOME_PENDING';
  readonly kind = 'unavailable';
}

/** There are intents of an external command that this code does not have; the message names it. */
export class IntentStranded extends SeaworthyError {
  readonly code = 'SW_INTENT_STRANDED';
  readonly kind = 'invalid';
}

/** The caller left, or stopped waiting, before there was an answer. */
export class CallCancelled extends SeaworthyError {
  readonly code = 'SW_CALL_CANCELLED';
  readonly kind = 'cancelled';
}

/** A handler threw something that its contract does not declare. */
export class HandlerFailed extends SeaworthyError {
  readonly code = 'SW_HANDLER_FAILED';
  readonly kind = 'internal';
}

/** A service's handlers or sagas do not match its contract, or a handler was called that only a service can run. */
export class ServiceInvalid extends SeaworthyError {
  readonly code = 'SW_SERVICE_INVALID';
  readonly kind = 'invalid';
}
