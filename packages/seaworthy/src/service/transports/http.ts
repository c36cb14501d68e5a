import type { Endpoint } from '../../client/transport.ts';
import { HeaderInvalid, readHeaders } from '../../contract/headers.ts';
import { httpParts } from '../../contract/http.ts';
import { operationsOf } from '../../contract/member.ts';
import { problemOf } from '../../contract/problem.ts';
import { inputOf } from '../../contract/request.ts';
import { problemResponse, responseOf, type WireResponse } from '../../contract/response.ts';
import { Deadline } from '../../core/deadline.ts';
import { SeaworthyError } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { readable } from '../../core/thrown.ts';
import { traceOf } from '../../core/trace.ts';
import { HandlerFailed } from '../errors.ts';
import type { Service } from '../service.ts';
import type { HttpReply } from './refusal.ts';
import type { HttpRoute } from './server.ts';

/** A wire response as the server sends it. */
export const replyOf = ({ status, headers, body }: WireResponse): HttpReply => ({
  status,
  headers,
  body: body === undefined ? undefined : JSON.stringify(body),
});

/** What to answer to an error: a problem document; what went wrong inside is logged, and told to nobody. */
export function failedReply(runtime: Runtime, thrown: unknown, where: { readonly route?: string } = {}): HttpReply {
  const error = readable(thrown);
  const ours = error instanceof SeaworthyError;
  if (!ours || error.kind === 'internal') runtime.observe.log('error', 'a request failed unexpectedly', { ...where, error });
  if (ours) return replyOf(problemResponse(problemOf(error)));
  return replyOf(problemResponse(problemOf(new HandlerFailed('the request failed', { cause: error }))));
}

/** The operations of a service as routes. */
export function operationRoutes(service: Service, endpoint: Endpoint, runtime: Runtime): readonly HttpRoute[] {
  return operationsOf(service.contract).map((operation) => {
    const { method, path } = httpParts(operation.http);
    return {
      method,
      path,
      async handle(request) {
        try {
          const { deadlineMs, ...carried } = readHeaders(request.headers);
          const deadline = deadlineMs === undefined ? undefined : new Deadline(runtime.clock, runtime.clock.monotonic() + deadlineMs);
          const answer = await endpoint.handle({
            operation,
            input: inputOf(operation, request),
            deadline,
            trace: traceOf(request.headers, runtime.baggage),
            signal: request.signal,
            ...carried,
          });
          return replyOf(responseOf(operation, answer));
        } catch (error) {
          if (error instanceof HeaderInvalid) return failedReply(runtime, error);
          throw error;
        }
      },
    };
  });
}
