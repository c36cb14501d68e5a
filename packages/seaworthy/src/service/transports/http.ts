import type { Endpoint } from '../../client/transport.ts';
import { HeaderInvalid, readHeaders } from '../../contract/headers.ts';
import { httpParts } from '../../contract/http.ts';
import { type AnyContract, operationsOf } from '../../contract/member.ts';
import { inputOf } from '../../contract/request.ts';
import { responseOf } from '../../contract/response.ts';
import { Deadline } from '../../core/deadline.ts';
import type { Runtime } from '../../core/runtime.ts';
import { traceOf } from '../../core/trace.ts';
import { failedReply, replyOf } from '../../http/reply.ts';
import type { HttpRoute } from '../../http/server.ts';

/** The operations of a contract as routes to an endpoint. */
export function operationRoutes(contract: AnyContract, endpoint: Endpoint, runtime: Runtime): readonly HttpRoute[] {
  return operationsOf(contract).map((operation) => {
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
