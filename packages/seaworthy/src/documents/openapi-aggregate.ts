import { paramsOf } from '../contract/http.ts';
import type { Components } from './components.ts';
import type { Doc } from './document.ts';
import { pascal } from './names.ts';
import { declaredDocs, outputDoc, refusals } from './openapi-response.ts';
import { deadline } from './openapi-shared.ts';
import type { ShownAggregate } from './shown.ts';

/** Describes the answer of an aggregate: parts that may be missing are optional, and `meta.parts` has the result of each part. */
function answerDoc(parts: ShownAggregate['parts'], schemas: Components): Doc {
  const all = Object.entries(parts);
  const given = all.flatMap(([name, { operation, required }]) =>
    operation.output ? [{ name, required, schema: outputDoc(operation, operation.output, schemas) }] : [],
  );
  const status = (required: boolean): Doc => (required ? { const: 'ok' } : { enum: ['ok', 'failed', 'timeout', 'absent'] });
  const fared = {
    type: 'object',
    description: 'The result of each part.',
    properties: Object.fromEntries(all.map(([name, { required }]) => [name, status(required)])),
    required: all.map(([name]) => name),
  };
  return {
    type: 'object',
    properties: {
      ...Object.fromEntries(given.map(({ name, schema }) => [name, schema])),
      meta: { type: 'object', properties: { parts: fared }, required: ['parts'] },
    },
    required: [...given.filter(({ required }) => required).map(({ name }) => name), 'meta'],
  };
}

/** Describes an aggregate. */
export function aggregateDoc({ parts, decisive, shaped }: ShownAggregate, template: string, id: string, schemas: Components): Doc {
  const declared = decisive.flatMap((operation) => declaredDocs(operation, schemas)).filter(({ status }) => status === 404);
  const none = declared.filter(({ schema }, index) => declared.findIndex((other) => other.schema['$ref'] === schema['$ref']) === index);
  const body = shaped ? { description: 'Made of the parts.' } : schemas.add(`${pascal(id)}Answer`, answerDoc(parts, schemas), 'Output');
  return {
    summary: Object.values(parts)
      .map(({ operation: { service, name } }) => `${service}.${name}`)
      .join(' + '),
    tags: Object.values(parts)
      .slice(0, 1)
      .map(({ operation }) => operation.service),
    parameters: [...new Set(paramsOf(template))]
      .map((name): Doc => ({ name, in: 'path', required: true, schema: { type: 'string', minLength: 1 } }))
      .concat(deadline),
    responses: {
      200: {
        description: 'The available parts, and the result of each part.',
        headers: { 'Cache-Control': { description: 'no-store if a part failed or timed out.', schema: { type: 'string' } } },
        content: { 'application/json': { schema: body } },
      },
      ...refusals(none, ['invalid', 'upstream', 'unavailable', 'deadline']),
    },
  };
}
