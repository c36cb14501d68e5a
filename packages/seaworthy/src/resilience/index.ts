export { DeadlineExceeded } from '../core/deadline.ts';
export { Breaker, type BreakerMode, type BreakerOptions, type BreakerState, breaker } from './breaker.ts';
export { Bulkhead, type BulkheadOptions, bulkhead } from './bulkhead.ts';
export { type Classify, classify, type Verdict } from './classify.ts';
export { AttemptTimeout, BreakerOpen, BulkheadFull, LocalRejection, PolicyInvalid } from './errors.ts';
export { deadline, fallback, type Part, timeout } from './parts.ts';
export { type Guard, type GuardOptions, policy, policyOn, type WorkContext } from './policy.ts';
export { jobRetry, type Retry, RetryBudget, type RetryOptions, retry } from './retry.ts';
