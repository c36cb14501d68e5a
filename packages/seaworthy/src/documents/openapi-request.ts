import type { Bound, Operation } from '../contract/contract.ts';
import { type Http, httpParts, paramsOf } from '../contract/http.ts';
import type { Keywords, Node } from '../contract/json-schema.ts';
import { jsonSchema } from '../contract/schema.ts';
import { schemaReader } from '../contract/schema-reader.ts';
import type { Components } from './components.ts';
import type { Doc } from './document.ts';
import { nameOf } from './names.ts';
import { deadline, idempotencyKey } from './openapi-shared.ts';

/** Describes a parameter of a path. A segment cannot be empty or consist of dots alone (RFC 3986). */
function pathParameter(name: string, schema: Doc, types: readonly string[]): Doc {
  const impossible = { enum: ['', '.', '..'] };
  const whole = 'not' in schema ? { allOf: [schema], not: impossible } : { ...schema, not: impossible };
  return { name, in: 'path', required: true, schema: types.includes('string') ? whole : schema };
}

/**
 * Describes a request: the parts of its input in path, query string and body, and its headers. `template` is the path in the document,
 * which has the same shape and may have other names of parameters.
 */
export function requestDoc(operation: Operation & Bound, http: Http, template: string, schemas: Components): Doc {
  const { params, bodiless } = httpParts(http);
  const input = jsonSchema(operation.input, 'input');
  const read = schemaReader(input);
  const { properties, required, open } = read.fieldsOf(input);
  const name = `${nameOf(operation)}Input`;
  const inline = (schema: Node): Doc => schemas.inline(name, typeof schema === 'boolean' ? {} : schema, 'Input', input);
  const names = paramsOf(template);
  const inPath = new Map(
    params.map((param, index) => {
      const schema = properties.get(param) ?? { type: 'string' };
      const named = names[index] as string;
      return [named, pathParameter(named, inline(schema), read.typesOf(schema))];
    }),
  );
  const rest = [...properties].filter(([field]) => !params.includes(field));
  const all: Doc[] = [...inPath.values()];
  if (operation.kind === 'command') all.push(idempotencyKey);
  all.push(deadline);
  if (bodiless) {
    for (const [field, schema] of rest) {
      // A query string cannot show an empty list, so that a list that may be empty is not required.
      const needed = required.has(field) && read.leastEntries(schema) > 0;
      all.push({ name: field, in: 'query', ...(needed && { required: true }), schema: inline(schema) });
    }
    return { parameters: all };
  }
  if (rest.length === 0 && !open) return { parameters: all };
  const needed = [...required].some((field) => !params.includes(field));
  const body = params.length === 0 ? input : (read.without(input, new Set(params)) as Keywords);
  return {
    parameters: all,
    requestBody: {
      ...(needed && { required: true }),
      content: { 'application/json': { schema: schemas.place(name, body, 'Input', input) } },
    },
  };
}
