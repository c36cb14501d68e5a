import { SeaworthyError } from '../core/errors.ts';

/** A call was rejected locally before anything was sent. The callee is not to blame. */
export abstract class LocalRejection extends SeaworthyError {}

/** An answer exceeds a limit of the caller. The callee is not to blame, and a retry would exceed the limit again. */
export abstract class LocalLimit extends SeaworthyError {}

/** The breaker is open: the callee has failed too often lately. */
export class BreakerOpen extends LocalRejection {
  readonly code = 'SW_BREAKER_OPEN';
  readonly kind = 'unavailable';
}

/** All slots of the bulkhead are taken and its queue is full. */
export class BulkheadFull extends LocalRejection {
  readonly code = 'SW_BULKHEAD_FULL';
  readonly kind = 'exhausted';
}

/** One attempt took longer than its timeout. Its outcome is unknown. */
export class AttemptTimeout extends SeaworthyError {
  readonly code = 'SW_TIMEOUT';
  readonly kind = 'deadline';
  /** The timeout in milliseconds. */
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`the attempt took longer than ${limitMs} ms: its outcome is unknown`);
    this.limitMs = limitMs;
  }
}

/** A policy was given a part twice or a number out of range. */
export class PolicyInvalid extends SeaworthyError {
  readonly code = 'SW_POLICY_INVALID';
  readonly kind = 'invalid';
}

/** Returns `value`, or throws `PolicyInvalid` unless it is a whole number of at least `least`. */
export function atLeast(least: number, value: number, what: string): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new PolicyInvalid(`${what} must be a whole number of at least ${least}, got ${value}`);
}

/** Returns `value`, or throws `PolicyInvalid` unless it is above 0 and at most 1. */
export function rate(value: number, what: string): number {
  if (value > 0 && value <= 1) return value;
  throw new PolicyInvalid(`${what} must be above 0 and at most 1, got ${value}`);
}
