import type { Problem } from '../contract/problem.ts';
import { problemOf } from '../contract/problem.ts';
import { problemResponse, type WireResponse } from '../contract/response.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { readable } from '../core/thrown.ts';
import { RequestFailed } from './errors.ts';

/** An HTTP response as the server sends it. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The serialised body; `undefined` for none. */
  readonly body: string | undefined;
}

/** Serialises a problem document. */
export const problemReply = (problem: Problem, headers: Readonly<Record<string, string>> = {}): HttpReply => ({
  status: problem.status,
  headers: { 'content-type': 'application/problem+json', ...headers },
  body: JSON.stringify(problem),
});

/** Serialises a response of the wire. */
export const replyOf = ({ status, headers, body }: WireResponse): HttpReply => ({
  status,
  headers,
  body: body === undefined ? undefined : JSON.stringify(body),
});

/** Answers an error with a problem document. The log gets what went wrong inside; the client does not. */
export function failedReply(runtime: Runtime, thrown: unknown, where: { readonly route?: string } = {}): HttpReply {
  const error = readable(thrown);
  const known = error instanceof SeaworthyError;
  if (!known || error.kind === 'internal') runtime.observe.log('error', 'a request failed unexpectedly', { ...where, error });
  if (known) return replyOf(problemResponse(problemOf(error)));
  return replyOf(problemResponse(problemOf(new RequestFailed('the request failed', { cause: error }))));
}
