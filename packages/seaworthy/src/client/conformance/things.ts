import type { Answer } from '../../contract/answer.ts';
import { command, contract, query } from '../../contract/contract.ts';
import { InputInvalid } from '../../contract/input.ts';
import type { Bound, Operation } from '../../contract/member.ts';
import { problemOf } from '../../contract/problem.ts';
import { checkPath, sendable } from '../../contract/request.ts';
import { examineReceived } from '../../contract/schema.ts';
import type { CallRequest, Endpoint } from '../transport.ts';
import { anything, fallback, flag, integer, list, number, oneOf, optional, record, text } from './schema.ts';

const asked = record({ asked: anything });

/** Operations whose inputs travel in every way: in the path, in the query string, in the body. `ask` answers what a case tells it to. */
export const things = contract('things', {
  ask: command({
    http: 'POST /ask',
    input: record({ what: anything }),
    output: record({ said: anything }),
    errors: { Refused: { status: 409, data: record({ why: text }) }, Gone: { status: 410 } },
  }),
  find: query({
    http: 'GET /things/{id}',
    input: record({
      id: text,
      text: optional(text),
      n: optional(number),
      yes: optional(flag),
      word: optional(oneOf('a', 'b')),
      texts: optional(list(text)),
      labels: fallback(list(text), ['inbox']),
      ints: list(integer),
    }),
    output: asked,
  }),
  remove: command({
    http: 'DELETE /things/{n}/{yes}',
    input: record({ n: number, yes: flag, ids: optional(list(text)) }, { strict: true }),
    output: asked,
  }),
  put: command({
    http: 'PUT /things/{id}',
    input: record({ id: text, deep: anything, text: fallback(text, 'none') }),
    output: asked,
  }),
  file: query({ http: 'GET /files/{id}', input: record({ id: text }), output: asked }),
  latest: query({ http: 'GET /files/latest', input: record({}), output: asked }),
  purge: command({ http: 'DELETE /files/all', input: record({}), output: asked }),
  drop: command({ http: 'DELETE /files/{id}', input: record({ id: text }), output: asked }),
  ofFile: query({ http: 'GET /files/{id}/{part}', input: record({ id: text, part: text }), output: asked }),
  history: query({ http: 'GET /files/{id}/history', input: record({ id: text }), output: asked }),
});

export type Name = Exclude<keyof typeof things & string, `~${string}`>;
export const operation = (name: Name): Operation & Bound => things[name] as unknown as Operation & Bound;

/** Validates an input as a service does, and answers what it accepted. */
async function accepted(given: Operation & Bound, input: unknown): Promise<Answer> {
  checkPath(given, input);
  const result = await examineReceived(given.input, input);
  if ('findings' in result) throw new InputInvalid(given, result.findings);
  return { kind: 'output', output: { asked: result.value } };
}

/** The answer, or the refusal of an input as one, so that it does not matter which side refuses. */
export async function outcome(answer: () => Promise<Answer>): Promise<Answer> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof InputInvalid) return { kind: 'problem', problem: problemOf(error) };
    throw error;
  }
}

/** What every transport must bring about for this input. */
export const expected = (name: Name, input: unknown): Promise<Answer> =>
  outcome(() => accepted(operation(name), sendable(operation(name), input).json));

/** Serves `things`; `ask` is answered by `script`. */
export function thingsEndpoint(script: (request: CallRequest) => Promise<Answer>): Endpoint {
  return {
    handle: (request) =>
      request.operation.name === 'ask'
        ? script(request)
        : outcome(() => accepted(operation(request.operation.name as Name), request.input)),
  };
}

const itself: Record<string, unknown> = {};
itself['itself'] = itself;

/** Values that a field may or may not have, of which JSON or an address keeps some as they are, some not, and some not at all. */
export const values: readonly unknown[] = [
  ...[undefined, null, '', '.', '..', 'a', 'true', '5', '5.0', '/', '//', '\\', '%2e', '%2F', '%', 'a&b=c', 'a+b c', '?', '#', ';', 'ä€😀'],
  ...[0, -0, 5, -5, 1.5, 1e21, 1e300, 5e-324, Number.MAX_SAFE_INTEGER, Number.NaN, Number.POSITIVE_INFINITY, true, false],
  ...['\ud800', 'a\udc00', '\0', '\n', '\r\n', '\u2028', '\ufeff', 'x'.repeat(2049), '😀'.repeat(2000), 'x'.repeat(100_000)],
  ...[
    1n,
    Symbol('s'),
    () => 1,
    new Date(0),
    new Map([['a', 1]]),
    new Set(),
    new URL('http://a'),
    itself,
    Promise.resolve(1),
    new Error('e'),
  ],
  ...[[], [''], ['', ''], ['a'], ['a', 'b'], [1], [1.5], ['5'], [true], [null], [undefined], [[]], [['a']], new Array(2), [Number.NaN]],
  ...[
    {},
    { a: 1 },
    { a: undefined },
    { toString: 1, valueOf: 2 },
    { toJSON: () => 1 },
    JSON.parse('{"__proto__": {"a": 1}}'),
    Object.create(null),
  ],
];
