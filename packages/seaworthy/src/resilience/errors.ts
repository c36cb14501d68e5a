import { SeaworthyError } from '../core/errors.ts';

/** Refused here, before anything was sent: nothing was done, and no callee is to blame. */
export abstract class LocalRejection extends SeaworthyError {}

/** What the callee sent is more than we take, which is no failure of the callee, and would be the same again. */
export abstract class LocalLimit extends SeaworthyError {}

/** The breaker is open: the callee has failed too often lately. */
export class BreakerOpen extends LocalRejection {
  readonly code = 'SW_BREAKER_OPEN';
  readonly kind = 'unavailable';
}

/** Every slot of the bulkhead is taken and its queue is full. */
export class BulkheadFull extends LocalRejection {
  readonly code = 'SW_BULKHEAD_FULL';
  readonly kind = 'exhausted';
}

/** One attempt took longer than its timeout; its outcome is unknown. */
export class AttemptTimeout extends SeaworthyError {
  readonly code = 'SW_TIMEOUT';
  readonly kind = 'deadline';
  /** Milliseconds that the attempt had. */
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`the attempt took longer than ${limitMs} ms: its outcome is unknown`);
    this.limitMs = limitMs;
  }
}

/** A policy that cannot be: a part given twice, a number out of its range. */
export class PolicyInvalid extends SeaworthyError {
  readonly code = 'SW_POLICY_INVALID';
  readonly kind = 'invalid';
}

/** Throws `PolicyInvalid` unless `value` is a whole number of at least `least`. */
export function atLeast(least: number, value: number, what: string): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new PolicyInvalid(`${what} must be a whole number of at least ${least}, got ${value}`);
}

/** Throws `PolicyInvalid` unless `value` is more than 0 and at most 1. */
export function rate(value: number, what: string): number {
  if (value > 0 && value <= 1) return value;
  throw new PolicyInvalid(`${what} must be above 0 and at most 1, got ${value}`);
}
