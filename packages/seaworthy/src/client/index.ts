export { type Call, Failure, failed, type Outcome, type Reply } from './call.ts';
export { type Caller, type CallerParts, type CallOptions, caller, defaultGuard, defaultPolicy } from './caller.ts';
export { AnswerInvalid, AnswerTooLarge, CallFailed, Unreachable } from './errors.ts';
export type { Instance } from './instances.ts';
export type { Endpoint, Transport } from './transport.ts';
export { type HttpOptions, http } from './transports/http.ts';
export { local } from './transports/local.ts';
