import type { At, Operation } from '../contract/contract.ts';
import { type Http, httpParts, paramsOf } from '../contract/http.ts';
import { type JsonSchema, jsonSchema, typesOf } from '../contract/schema.ts';
import type { Components } from './components.ts';
import type { Doc } from './document.ts';
import { nameOf } from './names.ts';
import { deadline, idempotencyKey } from './openapi-shared.ts';

const isList = (schema: JsonSchema): boolean => typesOf(schema).includes('array');

/** A parameter of the path as a document has it: RFC 3986 lets no segment be empty or of dots alone. */
function pathParameter(name: string, schema: Doc, types: readonly string[]): Doc {
  const impossible = { enum: ['', '.', '..'] };
  const whole = 'not' in schema ? { allOf: [schema], not: impossible } : { ...schema, not: impossible };
  return { name, in: 'path', required: true, schema: types.includes('string') ? whole : schema };
}

/**
 * What a request carries: the parts of its input in path, query string and body, and its headers. `template` is the path as the
 * document writes it: of the same shape, with names of its own.
 */
export function requestDoc(operation: Operation & At, http: Http, template: string, schemas: Components): Doc {
  const { params, bodiless } = httpParts(http);
  const input = jsonSchema(operation.input, 'input');
  const { properties = {}, required = [] } = input;
  const name = `${nameOf(operation)}Input`;
  const inline = (schema: JsonSchema): Doc => schemas.inline(name, schema, 'Input', input);
  const names = paramsOf(template);
  const inPath = new Map(
    params.map((param, index) => {
      const schema = properties[param] ?? { type: 'string' };
      const named = names[index] as string;
      return [named, pathParameter(named, inline(schema), typesOf(schema))];
    }),
  );
  const rest = Object.entries(properties).filter(([field]) => !params.includes(field));
  const all: Doc[] = [...inPath.values()];
  if (operation.kind === 'command') all.push(idempotencyKey);
  all.push(deadline);
  if (bodiless) {
    for (const [field, schema] of rest) {
      // A list without elements leaves no trace in a query string.
      const needed = required.includes(field) && (!isList(schema) || Number((schema as Doc)['minItems'] ?? 0) > 0);
      all.push({ name: field, in: 'query', ...(needed && { required: true }), schema: inline(schema) });
    }
    return { parameters: all };
  }
  if (rest.length === 0 && !input.additionalProperties) return { parameters: all };
  const needed = required.filter((field) => !params.includes(field));
  const { properties: _, required: __, ...others } = input;
  const body =
    params.length === 0 ? input : { ...others, properties: Object.fromEntries(rest), ...(needed.length > 0 && { required: needed }) };
  return {
    parameters: all,
    requestBody: {
      ...(needed.length > 0 && { required: true }),
      content: { 'application/json': { schema: schemas.place(name, body, 'Input', input) } },
    },
  };
}
