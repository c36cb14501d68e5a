import type { Bound, Operation } from '../contract/contract.ts';
import { declaredErrors } from '../contract/member.ts';
import { statusOf } from '../contract/problem.ts';
import { jsonSchema, type Schema } from '../contract/schema.ts';
import type { Components } from './components.ts';
import type { Doc } from './document.ts';
import { nameOf } from './names.ts';
import { content, problem, responseName, type Usual, type UsualKind, usual } from './openapi-shared.ts';

/** Tells whether a schema accepts a missing value; an asynchronous schema counts as if it did not. */
function mayBeAbsent(schema: Schema): boolean {
  const result = schema['~standard'].validate(undefined);
  if (!(result instanceof Promise)) return !result.issues;
  result.catch(() => undefined); // an unhandled rejection would end the process
  return false;
}

interface Declared {
  readonly name: string;
  readonly status: number;
  readonly schema: Doc;
}

/** Describes the declared errors of an operation as sent over HTTP. */
export function declaredDocs(operation: Operation & Bound, schemas: Components): readonly Declared[] {
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

/** Describes all refusals by status: the declared errors and the usual problems. */
export function refusals(declared: readonly Declared[], kinds: readonly UsualKind[]): Doc {
  const all: Record<string, Doc> = {};
  for (const status of new Set([...declared.map((one) => one.status), ...kinds.map((one) => statusOf[one][0])])) {
    const here = declared.filter((one) => one.status === status);
    const kind = kinds.find((one) => statusOf[one][0] === status);
    if (here.length === 0 && kind) {
      all[status] = { $ref: `#/components/responses/${responseName(kind)}` };
      continue;
    }
    const { description, headers: sent } = kind ? usual[kind] : ({} as Partial<Usual>);
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

/** Describes the response of a successful call. */
export function successDoc(operation: Operation & Bound, schemas: Components): Doc {
  const { output, location, status } = operation;
  return {
    [String(status)]: {
      description: 'Success.',
      ...(location !== undefined && { headers: { Location: { description: location, schema: { type: 'string' } } } }),
      ...(output && { content: { 'application/json': { schema: outputDoc(operation, output, schemas) } } }),
    },
  };
}

/** Returns the reference to the output of an operation. */
export const outputDoc = (operation: Bound, output: Schema, schemas: Components): Doc =>
  schemas.place(`${nameOf(operation)}Output`, jsonSchema(output, 'output'), 'Output');
