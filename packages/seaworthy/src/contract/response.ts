import type { Answer } from './answer.ts';
import type { Operation } from './contract.ts';
import { kindOf, type Problem, statusOf } from './problem.ts';

/** An answer on the wire. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, not yet serialised; `undefined` for none. */
  readonly body: unknown;
}

const json = { 'content-type': 'application/json' };
const problemJson = { 'content-type': 'application/problem+json' };

/** A problem on the wire, with `Retry-After` in whole seconds (RFC 9110, 10.2.3). */
export function problemResponse(problem: Problem): WireResponse {
  const { retryAfterMs } = problem;
  const headers = retryAfterMs === undefined ? problemJson : { ...problemJson, 'retry-after': String(Math.ceil(retryAfterMs / 1000)) };
  return { status: problem.status, headers, body: problem };
}

function locationOf(template: string, output: unknown): string {
  const fields = output as Readonly<Record<string, unknown>>;
  return template.replaceAll(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(String(fields[name])));
}

/** An answer as HTTP says it. */
export function responseOf(operation: Operation, answer: Answer): WireResponse {
  if (answer.kind === 'problem') return problemResponse(answer.problem);
  if (answer.kind === 'declared') {
    const { status } = (operation.errors as Readonly<Record<string, { readonly status: number }>>)[answer.name] as { status: number };
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
  const location = operation.location === undefined ? {} : { location: locationOf(operation.location, answer.output) };
  if (answer.output === undefined) return { status: operation.status, headers: location, body: undefined };
  return { status: operation.status, headers: { ...json, ...location }, body: answer.output };
}

/** What an HTTP client has of an answer. */
export interface RawResponse {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

interface ProblemBody extends Problem {
  readonly error?: unknown;
  readonly data?: unknown;
}

const retryAfterMs = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) * 1000 : undefined;

/** Reads an answer from the wire; `undefined` when it is not one that a service of ours gives. */
export function answerOf(operation: Operation, raw: RawResponse): Answer | undefined {
  const type = raw.contentType?.split(';', 1)[0]?.trim().toLowerCase();
  let body: unknown;
  try {
    body = raw.body === '' ? undefined : JSON.parse(raw.body);
  } catch {
    return foreign(raw); // not JSON, whatever its type says
  }
  if (raw.status >= 200 && raw.status < 300) {
    if (body !== undefined && type !== 'application/json') return undefined;
    return { kind: 'output', output: body };
  }
  if (type !== 'application/problem+json' || typeof body !== 'object' || body === null) return foreign(raw);
  const problem = body as ProblemBody;
  if (typeof problem.error === 'string' && Object.hasOwn(operation.errors, problem.error)) {
    return { kind: 'declared', name: problem.error, data: problem.data };
  }
  const wait = problem.retryAfterMs ?? retryAfterMs(raw.retryAfter);
  const { title, detail, code, issues, parts } = problem;
  return {
    kind: 'problem',
    problem: {
      type: 'about:blank',
      title: String(title ?? 'Problem'),
      status: raw.status,
      ...(detail !== undefined && { detail }),
      ...(code !== undefined && { code }),
      ...(issues && { issues }),
      ...(parts && { parts }),
      ...(wait !== undefined && { retryAfterMs: wait }),
    },
  };
}

/** A refusal by somebody between us and the service, such as a proxy's 503 in HTML. */
function foreign(raw: RawResponse): Answer | undefined {
  if (raw.status < 400) return undefined;
  const wait = retryAfterMs(raw.retryAfter);
  const [, title] = statusOf[kindOf(raw.status)];
  return {
    kind: 'problem',
    problem: { type: 'about:blank', title, status: raw.status, ...(wait !== undefined && { retryAfterMs: wait }) },
  };
}
