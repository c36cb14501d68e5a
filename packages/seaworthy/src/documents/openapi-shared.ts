import { longestDeadlineMs, longestKey } from '../contract/headers.ts';
import { statusOf } from '../contract/problem.ts';
import type { Doc } from './document.ts';

/** The headers that a call may carry; what sagas say among themselves is left out. */
export const parameters: Doc = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'The same key and payload get the same answer and one effect. Without it every request is a call of its own.',
    schema: { type: 'string', minLength: 1, maxLength: longestKey, pattern: '^[!-~]+$' },
  },
  Deadline: {
    name: 'Seaworthy-Deadline-Ms',
    in: 'header',
    description: 'How many milliseconds the caller still waits for the answer.',
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
    code: { type: 'string', description: 'Stable: SW_ and a name.' },
    issues: {
      type: 'array',
      description: 'What is wrong where.',
      items: { type: 'object', properties: { path: { type: 'string' }, message: { type: 'string' } }, required: ['path', 'message'] },
    },
    retryAfterMs: { type: 'integer', minimum: 0 },
    parts: { type: 'object', description: 'Of an aggregate: how each part fared.', additionalProperties: { type: 'string' } },
  },
  required: ['type', 'title', 'status'],
};

/** Refers to it. */
export const problem: Doc = { $ref: '#/components/schemas/Problem' };
const retryAfter: Doc = { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } };

export const headers: Doc = {
  RetryAfter: {
    description: 'When to come again, in whole seconds; absent if that is not known.',
    schema: { type: 'integer', minimum: 0 },
  },
};

/** A refusal that comes of itself, whatever the contract declares. */
export interface Usual {
  readonly description: string;
  readonly headers?: Doc;
}
const described = {
  invalid: { description: 'The input or a header breaks its rule; issues say where and how.' },
  conflict: { description: 'The first call under this key is still in progress.', headers: retryAfter },
  mismatch: { description: 'The key was used with another payload, or its step has been undone.' },
  exhausted: { description: 'Too many calls at one time; nothing was done.', headers: retryAfter },
  internal: { description: 'It failed inside; nothing of it was committed.' },
  upstream: { description: 'The service behind it failed.' },
  unavailable: { description: 'It cannot be served now, and may be soon.', headers: retryAfter },
  deadline: { description: 'The deadline passed before the answer; its outcome may still come.' },
} satisfies Partial<Record<keyof typeof statusOf, Usual>>;
export type UsualKind = keyof typeof described;
export const usual: Readonly<Record<UsualKind, Usual>> = described;

export const content = (schema: Doc): Doc => ({ 'application/problem+json': { schema } });

/** What it is called among the responses of a document. */
export const responseName = (kind: UsualKind): string => statusOf[kind][1].replaceAll(' ', '');

/** The answers that no contract declares. */
export const responses: Doc = {
  ...Object.fromEntries(
    (Object.keys(usual) as UsualKind[]).map((kind) => [responseName(kind), { ...usual[kind], content: content(problem) }]),
  ),
  Other: { description: 'Any other refusal, such as a body that is no JSON.', content: content(problem) },
};
