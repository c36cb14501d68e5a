export type { Balancer, BalancerDriver, Candidate } from './balancer.ts';
export { type Call, Failure, failed, type Outcome, type Reply } from './call.ts';
export {
  type Caller,
  type CallerDeps,
  type CallOptions,
  type CallPolicies,
  type ClosableCaller,
  caller,
  defaultGuard,
  defaultPolicy,
} from './caller.ts';
export { type MutableInstances, mutableInstances } from './drivers/mutable-instances.ts';
export { randomOrder } from './drivers/random-order.ts';
export { roundRobin } from './drivers/round-robin.ts';
export { staticInstances } from './drivers/static-instances.ts';
export { AnswerInvalid, AnswerTooLarge, CallFailed, Unreachable } from './errors.ts';
export type { Instance, InstanceSource } from './instance-source.ts';
export type { Instances } from './instances.ts';
export type { Endpoint, Transport } from './transport.ts';
export { type HttpOptions, http } from './transports/http.ts';
export { local } from './transports/local.ts';
