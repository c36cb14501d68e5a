import type { Problem } from '../contract/problem.ts';
import { kindOf } from '../contract/problem.ts';
import { type Kind, SeaworthyError } from '../core/errors.ts';

/** A service refused a call, or failed at it, with something that its contract does not declare: `problem` says what. */
export class CallFailed extends SeaworthyError {
  readonly code = 'SW_CALL_FAILED';
  readonly kind: Kind;
  readonly problem: Problem;

  constructor(operation: string, problem: Problem) {
    super(`${operation} answered ${problem.status} ${problem.title}${problem.detail ? `: ${problem.detail}` : ''}`, {
      retryAfterMs: problem.retryAfterMs,
    });
    this.kind = kindOf(problem.status);
    this.problem = problem;
  }
}

/** Nobody knows what the service did: there was no connection, it broke, or what answered is no service of ours. */
export class Unreachable extends SeaworthyError {
  readonly code = 'SW_UNREACHABLE';
  readonly kind = 'unavailable';
}

/** A service answered something that the contract does not promise: the two sides have different contracts. */
export class AnswerInvalid extends SeaworthyError {
  readonly code = 'SW_ANSWER_INVALID';
  readonly kind = 'internal';
}
