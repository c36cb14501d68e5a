import type { At, Operation } from '../contract/contract.ts';
import { declaredErrors } from '../contract/member.ts';
import { statusOf } from '../contract/problem.ts';
import { jsonSchema, type Schema } from '../contract/schema.ts';
import type { Components, Doc } from './components.ts';
import { nameOf } from './openapi-request.ts';

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

const problem: Doc = { $ref: '#/components/schemas/Problem' };
const retryAfter: Doc = { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } };

export const headers: Doc = {
  RetryAfter: {
    description: 'When to come again, in whole seconds; absent if that is not known.',
    schema: { type: 'integer', minimum: 0 },
  },
};

interface Common {
  readonly status: string;
  readonly description: string;
  readonly headers?: Doc;
}
const common = {
  invalid: { status: '400', description: 'The input or a header breaks its rule; issues say where and how.' },
  conflict: { status: '409', description: 'The first call under this key is still in progress.', headers: retryAfter },
  mismatch: { status: '422', description: 'The key was used with another payload, or its step has been undone.' },
  exhausted: { status: '429', description: 'Too many calls at one time; nothing was done.', headers: retryAfter },
  internal: { status: '500', description: 'It failed inside; nothing of it was committed.' },
  upstream: { status: '502', description: 'The service behind it failed.' },
  unavailable: { status: '503', description: 'It cannot be served now, and may be soon.', headers: retryAfter },
  deadline: { status: '504', description: 'The deadline passed before the answer; its outcome may still come.' },
} satisfies Partial<Record<keyof typeof statusOf, Common>>;
type Usual = keyof typeof common;

const content = (schema: Doc): Doc => ({ 'application/problem+json': { schema } });
const responseName = (kind: Usual): string => statusOf[kind][1].replaceAll(' ', '');

/** The answers that no contract declares. */
export const responses: Doc = {
  ...Object.fromEntries(
    (Object.keys(common) as Usual[]).map((kind) => {
      const { status: _, ...said } = common[kind] as Common;
      return [responseName(kind), { ...said, content: content(problem) }];
    }),
  ),
  Other: { description: 'Any other refusal, such as a body that is no JSON.', content: content(problem) },
};

/** Whether a schema takes the absence of a value; one that only tells later counts as if it did not. */
function mayBeAbsent(schema: Schema): boolean {
  const result = schema['~standard'].validate(undefined);
  if (!(result instanceof Promise)) return !result.issues;
  result.catch(() => undefined); // its outcome is nobody's concern; unhandled it would end the process
  return false;
}

interface Declared {
  readonly name: string;
  readonly status: number;
  readonly schema: Doc;
}

/** The declared errors of an operation, as they are on the wire. */
export function declaredDocs(operation: Operation & At, schemas: Components): readonly Declared[] {
  return Object.entries(declaredErrors(operation)).map(([name, { status, data }]) => {
    const place = `${nameOf(operation)}${name}`;
    const required = ['type', 'title', 'status', 'error'];
    const body = {
      type: 'object',
      properties: {
        type: { const: 'about:blank' },
        title: { const: name },
        status: { const: status },
        error: { const: name },
        ...(data && { data: schemas.place(`${place}Data`, jsonSchema(data, 'output'), 'Output') }),
      },
      required: data && !mayBeAbsent(data) ? [...required, 'data'] : required,
    };
    return { name, status, schema: schemas.add(place, body, 'Output') };
  });
}

/** Refusals by status: what is declared, and what comes of itself. */
export function refusals(declared: readonly Declared[], usual: readonly Usual[]): Doc {
  const all: Record<string, Doc> = {};
  for (const status of new Set([...declared.map((one) => String(one.status)), ...usual.map((kind) => common[kind].status)])) {
    const here = declared.filter((one) => String(one.status) === status);
    const kind = usual.find((one) => common[one].status === status);
    if (here.length === 0 && kind) {
      all[status] = { $ref: `#/components/responses/${responseName(kind)}` };
      continue;
    }
    const { description, headers: sent } = kind ? (common[kind] as Common) : { description: undefined, headers: undefined };
    const alternatives = [...here.map((one) => one.schema), ...(kind ? [problem] : [])];
    const [only] = alternatives;
    all[status] = {
      description: [`Declared: ${here.map((one) => one.name).join(', ')}.`, ...(description ? [description] : [])].join(' '),
      ...(sent && { headers: sent }),
      content: content(alternatives.length === 1 ? (only as Doc) : { anyOf: alternatives }),
    };
  }
  return { ...all, default: { $ref: '#/components/responses/Other' } };
}

/** The answer to a call that succeeded. */
export function successDoc(operation: Operation & At, schemas: Components): Doc {
  const { output, location, status } = operation;
  return {
    [String(status)]: {
      description: 'Success.',
      ...(location !== undefined && { headers: { Location: { description: location, schema: { type: 'string' } } } }),
      ...(output && { content: { 'application/json': { schema: outputDoc(operation, output, schemas) } } }),
    },
  };
}

export const outputDoc = (operation: At, output: Schema, schemas: Components): Doc =>
  schemas.place(`${nameOf(operation)}Output`, jsonSchema(output, 'output'), 'Output');
