/** The parts that transports share: what crosses a wire, on the caller's side and on the service's. The port is in `seaworthy/client`. */
export type { Answer } from '../contract/answer.ts';
export { type CallHeaders, HeaderInvalid, readHeaders, writeHeaders } from '../contract/headers.ts';
export { InputInvalid } from '../contract/input.ts';
export { operationsOf } from '../contract/member.ts';
export { inputOf, type RawRequest, requestOf, type Sendable, sendable, type WireRequest } from '../contract/request.ts';
export { answerOf, type RawResponse, responseOf, type WireResponse } from '../contract/response.ts';
export { traceOf } from '../core/trace.ts';
export type { AnswerStream, CallRequest } from './transport.ts';
