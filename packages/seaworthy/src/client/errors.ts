import type { Problem } from '../contract/problem.ts';
import { kindOf } from '../contract/problem.ts';
import { type Kind, SeaworthyError } from '../core/errors.ts';
import { isAbsent } from '../resilience/classify.ts';
import { LocalLimit } from '../resilience/errors.ts';

const unknownCodes: ReadonlySet<string | undefined> = new Set(['SW_HTTP_ROUTE_UNKNOWN', 'SW_OPERATION_UNKNOWN', undefined]);

/** A missing thing is a declared error. Any other 404 is about the operation, as are 405 and 501. */
const isUnknown = ({ status, code }: Problem): boolean => status === 405 || status === 501 || (status === 404 && unknownCodes.has(code));

/** The database of the service is not available now, which says nothing about the call: every such code begins so, and has this status. */
const lacksDatabase = ({ status, code }: Problem): boolean => status === 503 && /^SW_STORE_/.test(code ?? '');

/** A service refused a call or failed at it, and its contract does not declare the error. `problem` has the details. */
export class CallFailed extends SeaworthyError {
  readonly code = 'SW_CALL_FAILED';
  readonly kind: Kind;
  readonly problem: Problem;
  /** Whether the service does not know the operation, because it is older or newer than the contract of its caller. Nothing was done then. */
  readonly unknown: boolean;
  /** Whether the service does not serve now: it is starting or stopping, or its database is not available. A later call may be served. */
  readonly absent: boolean;

  constructor(operation: string, problem: Problem) {
    const unknown = isUnknown(problem);
    const hint = unknown ? ' (the service does not know the operation: deploy a service before its callers)' : '';
    super(`${operation} answered ${problem.status} ${problem.title}${problem.detail ? `: ${problem.detail}` : ''}${hint}`, {
      retryAfterMs: problem.retryAfterMs,
    });
    this.unknown = unknown;
    this.kind = unknown ? 'upstream' : kindOf(problem.status);
    this.problem = problem;
    this.absent = problem.code === 'SW_SERVICE_UNREADY' || lacksDatabase(problem);
  }
}

/** No answer came, or the answer did not come from a Seaworthy service. It is unknown whether the service did the work. */
export class Unreachable extends SeaworthyError {
  readonly code = 'SW_UNREACHABLE';
  readonly kind = 'unavailable';
  /** Whether the call reached no service, so that nothing was done. Default whether `cause` says that no connection was made. */
  readonly absent: boolean;

  constructor(message: string, options: { readonly cause?: unknown; readonly absent?: boolean } = {}) {
    super(message, options);
    this.absent = options.absent ?? isAbsent(options.cause);
  }
}

/** An answer is larger than `answerLimit`, or its headers are larger than an HTTP client accepts. The service has done the work. */
export class AnswerTooLarge extends LocalLimit {
  readonly code = 'SW_ANSWER_TOO_LARGE';
  readonly kind = 'upstream';
}

/** A service answered something that its contract does not declare: the two sides have different contracts. */
export class AnswerInvalid extends SeaworthyError {
  readonly code = 'SW_ANSWER_INVALID';
  readonly kind = 'internal';
}
