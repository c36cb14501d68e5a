import { parseJson } from '../core/parse-json.ts';
import type { Answer } from './answer.ts';
import type { Operation } from './contract.ts';
import { filled } from './http.ts';
import { isObject } from './json.ts';
import { declaredError } from './member.ts';
import { kindOf, type Problem, statusOf } from './problem.ts';
import { waitOf } from './retry-after.ts';
import type { Finding } from './schema.ts';

/** An answer on the wire. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, not yet serialised; `undefined` for none. */
  readonly body: unknown;
}

const json = { 'content-type': 'application/json' };
const problemJson = { 'content-type': 'application/problem+json' };

/** Makes the HTTP response of a problem, with `Retry-After` in whole seconds (RFC 9110, 10.2.3). */
export function problemResponse(problem: Problem): WireResponse {
  const { retryAfterMs } = problem;
  const headers = retryAfterMs === undefined ? problemJson : { ...problemJson, 'retry-after': String(Math.ceil(retryAfterMs / 1000)) };
  return { status: problem.status, headers, body: problem };
}

/** Returns the address of an output, if its contract has a `location` and the output has the fields that it names. */
export const locationOf = ({ location }: Operation, output: unknown): string | undefined =>
  location === undefined ? undefined : filled(location, isObject(output) ? output : {});

/** Makes the HTTP response of an answer. */
export function responseOf(operation: Operation, answer: Answer): WireResponse {
  if (answer.kind === 'problem') return problemResponse(answer.problem);
  if (answer.kind === 'declared') {
    const { status } = declaredError(operation, answer.name) as { status: number };
    return {
      status,
      headers: problemJson,
      body: {
        type: 'about:blank',
        title: answer.name,
        status,
        error: answer.name,
        ...(answer.data !== undefined && { data: answer.data }),
      },
    };
  }
  const location = locationOf(operation, answer.output);
  const headers = location === undefined ? {} : { location };
  if (answer.output === undefined) return { status: operation.status, headers, body: undefined };
  return { status: operation.status, headers: { ...json, ...headers }, body: answer.output };
}

/** An HTTP response as a client receives it. */
export interface RawResponse {
  readonly status: number;
  readonly contentType: string | undefined;
  /** All values of `Retry-After`. */
  readonly retryAfter: string | readonly string[] | undefined;
  /** When the response came, in milliseconds since the epoch, by the clock that the dates in it are compared with. */
  readonly at: number;
  readonly body: string;
}

/** Reads an answer from an HTTP response; `undefined` when a service of the toolkit does not give such a response. */
export function answerOf(operation: Operation, raw: RawResponse): Answer | undefined {
  const type = raw.contentType?.split(';', 1)[0]?.trim().toLowerCase();
  let body: unknown;
  try {
    body = raw.body === '' ? undefined : parseJson(raw.body);
  } catch {
    return foreign(raw); // not JSON, whatever its type says
  }
  if (raw.status >= 200 && raw.status < 300) {
    if (body !== undefined && type !== 'application/json') return undefined;
    return { kind: 'output', output: body };
  }
  if (type !== 'application/problem+json' || !isObject(body)) return foreign(raw);
  const { error, data } = body;
  if (typeof error === 'string' && declaredError(operation, error)) return { kind: 'declared', name: error, data };
  return { kind: 'problem', problem: problemIn(body, raw) };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isFinding = (value: unknown): value is Finding => isObject(value) && isText(value['path']) && isText(value['message']);

/** Reads a problem document (RFC 9457). Members with a wrong form are left out. */
function problemIn(said: Readonly<Record<string, unknown>>, raw: RawResponse): Problem {
  const { title, detail, code, issues, parts, retryAfterMs } = said;
  const wait = waitOf(raw.retryAfter, retryAfterMs, raw.at);
  return {
    type: 'about:blank',
    title: isText(title) ? title : 'Problem',
    status: raw.status,
    ...(isText(detail) && { detail }),
    ...(isText(code) && { code }),
    ...(Array.isArray(issues) && issues.every(isFinding) && { issues }),
    ...(isObject(parts) && Object.values(parts).every(isText) && { parts: parts as Readonly<Record<string, string>> }),
    ...(wait !== undefined && { retryAfterMs: wait }),
  };
}

/** Reads a refusal of an intermediary, such as a proxy's 503 in HTML. */
function foreign(raw: RawResponse): Answer | undefined {
  if (raw.status < 400) return undefined;
  const wait = waitOf(raw.retryAfter, undefined, raw.at);
  const [, title] = statusOf[kindOf(raw.status)];
  return {
    kind: 'problem',
    problem: { type: 'about:blank', title, status: raw.status, ...(wait !== undefined && { retryAfterMs: wait }) },
  };
}
