import { longestDeadlineMs } from '../contract/headers.ts';
import { statusOf } from '../contract/problem.ts';
import { longestKey } from '../core/key.ts';
import type { Doc } from './document.ts';

/** The headers of a call, without those that sagas use internally. */
export const parameters: Doc = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'Requests with the same key and input take effect once and get the same answer. Without a key every request is a new call.',
    schema: { type: 'string', minLength: 1, maxLength: longestKey, pattern: '^[!-~]+$' },
  },
  Deadline: {
    name: 'Seaworthy-Deadline-Ms',
    in: 'header',
    description: 'The milliseconds that the caller still waits for the answer.',
    schema: { type: 'integer', minimum: 0, maximum: longestDeadlineMs },
  },
};

export const idempotencyKey: Doc = { $ref: '#/components/parameters/IdempotencyKey' };
export const deadline: Doc = { $ref: '#/components/parameters/Deadline' };

/** The problem document that every service and gateway answers (RFC 9457). */
export const problemSchema: Doc = {
  type: 'object',
  description: 'A problem document (RFC 9457).',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', description: 'The stable code of the error, such as SW_INPUT_INVALID.' },
    issues: {
      type: 'array',
      description: 'The findings, each with its path and message.',
      items: { type: 'object', properties: { path: { type: 'string' }, message: { type: 'string' } }, required: ['path', 'message'] },
    },
    retryAfterMs: { type: 'integer', minimum: 0 },
    parts: { type: 'object', description: 'The result of each part of an aggregate.', additionalProperties: { type: 'string' } },
  },
  required: ['type', 'title', 'status'],
};

/** The reference to the problem document. */
export const problem: Doc = { $ref: '#/components/schemas/Problem' };
const retryAfter: Doc = { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } };

export const headers: Doc = {
  RetryAfter: {
    description: 'The whole seconds after which a retry may succeed; absent if unknown.',
    schema: { type: 'integer', minimum: 0 },
  },
};

/** A problem that any operation may answer, although its contract does not declare it. */
export interface Usual {
  readonly description: string;
  readonly headers?: Doc;
}
const described = {
  invalid: { description: 'The input or a header breaks its rule; issues has each path and message.' },
  conflict: { description: 'The first call under this key is still in progress.', headers: retryAfter },
  mismatch: { description: 'The key was used with another payload, or its step has been undone.' },
  exhausted: { description: 'A limit was reached; nothing was done.', headers: retryAfter },
  internal: { description: 'The service failed; nothing was committed.' },
  upstream: { description: 'A service behind the gateway failed.' },
  unavailable: { description: 'No process can serve the request now; a retry may succeed.', headers: retryAfter },
  deadline: { description: 'The deadline passed before the answer; the call may have taken effect.' },
} satisfies Partial<Record<keyof typeof statusOf, Usual>>;
export type UsualKind = keyof typeof described;
export const usual: Readonly<Record<UsualKind, Usual>> = described;

export const content = (schema: Doc): Doc => ({ 'application/problem+json': { schema } });

/** Returns the name of a usual problem among the responses of a document. */
export const responseName = (kind: UsualKind): string => statusOf[kind][1].replaceAll(' ', '');

/** The responses that no contract declares. */
export const responses: Doc = {
  ...Object.fromEntries(
    (Object.keys(usual) as UsualKind[]).map((kind) => [responseName(kind), { ...usual[kind], content: content(problem) }]),
  ),
  Other: { description: 'Any other refusal, such as a body that is not JSON.', content: content(problem) },
};
