import type { Caller, CallOptions } from '../client/caller.ts';
import { AnswerTooLarge, CallFailed, Unreachable } from '../client/errors.ts';
import { readHeaders } from '../contract/headers.ts';
import { httpParts } from '../contract/http.ts';
import { type Problem, problemOf, statusOf } from '../contract/problem.ts';
import { problemResponse } from '../contract/response.ts';
import { Deadline } from '../core/deadline.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { Place } from '../core/observe.ts';
import type { Runtime } from '../core/runtime.ts';
import { isA } from '../core/thrown.ts';
import { traceOf } from '../core/trace.ts';
import type { HttpReply } from '../http/reply.ts';
import { failedReply, replyOf } from '../http/reply.ts';
import type { HttpRequest, HttpRoute } from '../http/server.ts';
import type { Gateway, GatewayCall, Incoming } from './gateway.ts';

export interface GatewayOptions {
  readonly runtime: Runtime;
  /** Its own: a breaker and a bulkhead for each upstream. */
  readonly call: Caller;
  /** For the whole of a request; a client's shorter one holds. Default 10 s. */
  readonly timeout?: Duration | undefined;
  readonly trust?: Trust | undefined;
}

/** What a gateway takes over from whoever is outside. */
export interface Trust {
  /** Whether a request goes on with the trace that it came with; otherwise it begins one, which links there. Default true. */
  readonly trace?: boolean;
  /** Keys that its baggage may have, out of those that the runtime allows. Default none. */
  readonly baggage?: readonly string[];
}

function placeOf(request: HttpRequest, runtime: Runtime, { trace = true, baggage = [] }: Trust): Place {
  const allowed = baggage.filter((key) => runtime.baggage.includes(key));
  const outside = traceOf(request.headers, allowed);
  if (trace || outside?.traceparent === undefined) return { kind: 'server', parent: outside };
  const kept = outside.baggage === undefined ? undefined : { baggage: outside.baggage };
  return { kind: 'server', root: true, parent: kept, links: [outside] };
}

/** An upstream's problem is the client's own to read; that it broke inside is a matter between us and it (RFC 9110, 15.6.3). */
const passedOn = (problem: Problem): Problem => {
  const [status, title] = statusOf.upstream;
  return problem.status === 500 ? { ...problem, status, title } : problem;
};

/** What a service could not do as somebody else failed it, or as it does not know the operation: which and where, is for the log. */
function upstreamProblem(error: CallFailed): Problem {
  const [status, title] = statusOf.upstream;
  const code = error.unknown ? error.code : (error.problem.code ?? error.code);
  return { ...error.problem, status, title, code, detail: 'a service that this needs could not answer: try again later' };
}

/** What to answer to a failure. Where an upstream is, and how it could not be reached, is for the log. */
function failureReply(runtime: Runtime, route: string, error: unknown): HttpReply {
  if (isA(error, CallFailed) && error.kind === 'upstream') {
    const message = error.unknown ? 'an upstream does not know the operation: is it older than this gateway?' : 'an upstream failed';
    runtime.observe.log('warn', message, { route, error });
    return replyOf(problemResponse(upstreamProblem(error)));
  }
  if (isA(error, CallFailed)) return replyOf(problemResponse(passedOn(error.problem)));
  if (isA(error, AnswerTooLarge)) {
    runtime.observe.log('error', 'an upstream gave an answer that is too large', { route, error });
    return replyOf(problemResponse({ ...problemOf(error), detail: 'a service that this needs gave an answer that is too large' }));
  }
  if (!isA(error, Unreachable)) return failedReply(runtime, error, { route });
  runtime.observe.log('warn', 'an upstream could not be reached', { route, error });
  return replyOf(problemResponse({ ...problemOf(error), detail: 'a service that this needs could not be reached: try again later' }));
}

/** The routes of a gateway, for a server. Every failure is a problem document: 503 with `Retry-After` for an open breaker, 504 past the deadline. */
export function gatewayRoutes(gateway: Gateway, { runtime, call, timeout = '10s', trust = {} }: GatewayOptions): readonly HttpRoute[] {
  const timeoutMs = milliseconds(timeout, 'gateway.requestTimeout');
  const calling = call as unknown as (operation: unknown, input: unknown, options: CallOptions) => Promise<unknown>;
  return gateway.routes.map((route) => {
    const { method, path } = httpParts(route.http);
    return {
      method,
      path,
      async handle(request) {
        const span = runtime.observe.span('seaworthy_gateway_request', { route: route.http }, placeOf(request, runtime, trust));
        const report: Incoming['report'] = (level, message, more) =>
          runtime.observe.log(level, message, { route: route.http, ...more }, span.trace);
        try {
          const { key, deadlineMs = timeoutMs } = readHeaders(request.headers);
          const deadline = new Deadline(runtime.clock, runtime.clock.monotonic() + Math.min(timeoutMs, deadlineMs), timeoutMs);
          const bound: GatewayCall = (operation, input, options) => calling(operation, input, { deadline, trace: span.trace, ...options });
          const reply = replyOf(await route.run({ ...request, key, report }, bound));
          span.end(String(reply.status));
          return reply;
        } catch (error) {
          const reply = failureReply(runtime, route.http, error);
          span.end(String(reply.status), reply.status >= 500 ? error : undefined);
          return reply;
        }
      },
    };
  });
}
