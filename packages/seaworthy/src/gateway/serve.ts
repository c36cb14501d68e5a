import type { Caller, CallOptions } from '../client/caller.ts';
import { AnswerTooLarge, CallFailed, Unreachable } from '../client/errors.ts';
import { readHeaders } from '../contract/headers.ts';
import { httpParts } from '../contract/http.ts';
import { type Problem, problemOf, statusOf } from '../contract/problem.ts';
import { problemResponse } from '../contract/response.ts';
import { Deadline } from '../core/deadline.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { SpanOptions } from '../core/observe.ts';
import type { OptionNames } from '../core/options.ts';
import type { Runtime } from '../core/runtime.ts';
import { isA } from '../core/thrown.ts';
import { traceOf } from '../core/trace.ts';
import type { HttpReply } from '../http/reply.ts';
import { failedReply, replyOf } from '../http/reply.ts';
import type { HttpRequest, HttpRoute } from '../http/server.ts';
import type { Gateway, GatewayCall, Incoming } from './gateway.ts';

export interface GatewayOptions {
  readonly runtime: Runtime;
  /** The gateway's own caller, which has a breaker and a bulkhead for each upstream. */
  readonly call: Caller;
  /** How long the whole of a request may take; a client may ask for less. Default 10 s. */
  readonly timeout?: Duration | undefined;
  readonly trust?: Trust | undefined;
}

/** What a gateway accepts of the trace context of its clients. */
export interface Trust {
  /** Whether a request continues the trace of its client; otherwise it begins a new trace, which links to that one. Default true. */
  readonly trace?: boolean;
  /** The keys of baggage that are accepted, out of those that the runtime allows. Default none. */
  readonly baggage?: readonly string[];
}

export const trustNames: OptionNames<Trust> = { trace: true, baggage: true };

function spanOptionsOf(request: HttpRequest, runtime: Runtime, { trace = true, baggage = [] }: Trust): SpanOptions {
  const allowed = baggage.filter((key) => runtime.baggage.includes(key));
  const outside = traceOf(request.headers, allowed);
  if (trace || outside?.traceparent === undefined) return { kind: 'server', parent: outside };
  const kept = outside.baggage === undefined ? undefined : { baggage: outside.baggage };
  return { kind: 'server', root: true, parent: kept, links: [outside] };
}

/** The client gets the problem of an upstream. A 500 becomes 502, since the gateway itself did not fail (RFC 9110, 15.6.3). */
const passedOn = (problem: Problem): Problem => {
  const [status, title] = statusOf.upstream;
  return problem.status === 500 ? { ...problem, status, title } : problem;
};

/** The problem of a service that another one failed, or that does not know the operation. Names and addresses are in the log alone. */
function upstreamProblem(error: CallFailed): Problem {
  const [status, title] = statusOf.upstream;
  const code = error.unknown ? error.code : (error.problem.code ?? error.code);
  return { ...error.problem, status, title, code, detail: 'a service that this needs could not answer: try again later' };
}

/** Returns the response to a failure. The addresses of upstreams are in the log alone. */
function failureReply(runtime: Runtime, route: string, error: unknown): HttpReply {
  if (isA(error, CallFailed) && error.kind === 'upstream') {
    const message = error.unknown ? 'an upstream does not know the operation: deploy services before the gateway' : 'an upstream failed';
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

/** Returns the routes of a gateway for a server. Every failure is a problem document: 503 with `Retry-After` for an open breaker, 504 past the deadline. */
export function gatewayRoutes(gateway: Gateway, { runtime, call, timeout = '10s', trust = {} }: GatewayOptions): readonly HttpRoute[] {
  const timeoutMs = milliseconds(timeout, 'gateway.requestTimeout');
  const calling = call as unknown as (operation: unknown, input: unknown, options: CallOptions) => Promise<unknown>;
  return gateway.routes.map((route) => {
    const { method, path } = httpParts(route.http);
    return {
      method,
      path,
      async handle(request) {
        const span = runtime.observe.span('seaworthy_gateway_request', { route: route.http }, spanOptionsOf(request, runtime, trust));
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
