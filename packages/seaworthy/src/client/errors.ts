import type { Problem } from '../contract/problem.ts';
import { kindOf } from '../contract/problem.ts';
import { type Kind, SeaworthyError } from '../core/errors.ts';
import { isAbsent } from '../resilience/classify.ts';
import { LocalLimit } from '../resilience/errors.ts';

const unknownCodes: ReadonlySet<string | undefined> = new Set(['SW_HTTP_ROUTE_UNKNOWN', 'SW_OPERATION_UNKNOWN', undefined]);

/** That a thing is not there is a declared error; any other 404 is about the operation, as are the statuses of methods. */
const isUnknown = ({ status, code }: Problem): boolean => status === 405 || status === 501 || (status === 404 && unknownCodes.has(code));

/** A service refused a call, or failed at it, with something that its contract does not declare: `problem` says what. */
export class CallFailed extends SeaworthyError {
  readonly code = 'SW_CALL_FAILED';
  readonly kind: Kind;
  readonly problem: Problem;
  /** The service does not know the operation: it is older, or newer, than the contract of its caller. Nothing was done. */
  readonly unknown: boolean;
  /** The service does not serve: it is starting or stopping. Nothing was done. */
  readonly absent: boolean;

  constructor(operation: string, problem: Problem) {
    const unknown = isUnknown(problem);
    const hint = unknown ? ' (the service does not know the operation: is it older than its caller?)' : '';
    super(`${operation} answered ${problem.status} ${problem.title}${problem.detail ? `: ${problem.detail}` : ''}${hint}`, {
      retryAfterMs: problem.retryAfterMs,
    });
    this.unknown = unknown;
    this.kind = unknown ? 'upstream' : kindOf(problem.status);
    this.problem = problem;
    this.absent = problem.code === 'SW_SERVICE_UNREADY';
  }
}

/** Nobody knows what the service did: there was no connection, it broke, or what answered is no service of ours. */
export class Unreachable extends SeaworthyError {
  readonly code = 'SW_UNREACHABLE';
  readonly kind = 'unavailable';
  /** Nobody was there to take the call: nothing was done. Default whether `cause` says that no connection was made. */
  readonly absent: boolean;

  constructor(message: string, options: { readonly cause?: unknown; readonly absent?: boolean } = {}) {
    super(message, options);
    this.absent = options.absent ?? isAbsent(options.cause);
  }
}

/** An answer is larger than `answerLimit`, or its headers are larger than an HTTP client takes. What the service did is done. */
export class AnswerTooLarge extends LocalLimit {
  readonly code = 'SW_ANSWER_TOO_LARGE';
  readonly kind = 'upstream';
}

/** A service answered something that the contract does not promise: the two sides have different contracts. */
export class AnswerInvalid extends SeaworthyError {
  readonly code = 'SW_ANSWER_INVALID';
  readonly kind = 'internal';
}
