import { type Http, httpParts, paramsOf } from './http.ts';
import type { Keywords, Node } from './json-schema.ts';
import type { Bound, Operation } from './member.ts';
import { jsonSchema } from './schema.ts';
import { type SchemaReader, schemaReader } from './schema-reader.ts';

/** Notes that a place breaks a rule. */
export type Report = (place: string, rule: string) => void;

const scalars = new Set(['string', 'number', 'integer', 'boolean']);

/** Tells whether every value is a string, a number or a boolean, which a path or a query string can carry. */
const isScalar = (types: readonly string[]): boolean => types.length > 0 && types.every((type) => scalars.has(type));

/** Tells whether a text and the number or boolean of the same spelling could be confused on arrival. */
const isAmbiguous = (types: readonly string[]): boolean => types.includes('string') && types.length > 1;

const either = 'cannot be both a string and a number or boolean, which are spelt alike there';

function verifyPath(
  name: string,
  params: readonly string[],
  fields: ReadonlyMap<string, Node>,
  { typesOf }: SchemaReader,
  report: Report,
): void {
  for (const [index, param] of params.entries()) {
    const field = fields.get(param);
    const types = field === undefined ? [] : typesOf(field);
    if (params.indexOf(param) < index) report(`${name}.http`, `names {${param}} twice: a field has one place in a path`);
    else if (field === undefined) report(`${name}.http`, `names {${param}}, which the input lacks`);
    else if (!isScalar(types)) report(`${name}.input.${param}`, 'is in the path, and can only be a string, a number or a boolean');
    else if (isAmbiguous(types)) report(`${name}.input.${param}`, `is in the path, and ${either}`);
  }
}

function verifyInQuery(place: string, field: Node, method: string, { typesOf, entriesOf }: SchemaReader, report: Report): void {
  const types = typesOf(field);
  const one = types.join() === 'array' ? entriesOf(field) : types;
  const would = `would travel in the query string of a ${method}`;
  if (!isScalar(one)) report(place, `${would}, and can only be a string, a number, a boolean or an array of these`);
  else if (isAmbiguous(one)) report(place, `${would}, and ${either}`);
}

/** Checks that the path and the query string of `http` can carry the fields of an input. */
export function verifyFields(name: string, input: Keywords, http: Http, report: Report): void {
  const read = schemaReader(input);
  if (read.typesOf(input).join() !== 'object') {
    report(`${name}.input`, 'is not an object: the input of an operation has named fields');
    return;
  }
  const { params, bodiless, method } = httpParts(http);
  const { properties, open } = read.fieldsOf(input);
  verifyPath(name, params, properties, read, report);
  if (!bodiless) return;
  if (open) report(`${name}.input`, `would travel in the query string of a ${method}, and can only have fields that it names`);
  const rest = [...properties].filter(([field]) => !params.includes(field));
  for (const [field, schema] of rest) verifyInQuery(`${name}.input.${field}`, schema, method, read, report);
}

/** Lists the reasons why an operation cannot be reached by `http` instead of its own method and path. */
export function unreachableBy(operation: Operation & Bound, http: Http): readonly string[] {
  const wrong: string[] = [];
  const report: Report = (place, rule) => void wrong.push(`${operation.service}.${place} ${rule}`);
  verifyFields(operation.name, jsonSchema(operation.input, 'input'), http, report);
  if (operation.kind === 'command' && httpParts(http).method === 'GET')
    report(operation.name, 'is a command, and a GET must not change anything');
  return wrong;
}

/** Checks that every input has the fields that the path of its operation names. */
export function verifyRequired(name: string, input: Keywords, http: Http, report: Report): void {
  const { properties, required } = schemaReader(input).fieldsOf(input);
  for (const param of new Set(httpParts(http).params))
    if (properties.has(param) && !required.has(param))
      report(`${name}.input.${param}`, 'is in the path, and cannot be left out: it must not be optional or have a default');
}

/** Tells whether a text is a path, perhaps with a query string (RFC 3986, 2), and with parameters in braces. */
const isLocation = (text: string): boolean => /^\/(?!\/)(?:[\w.~!$&'()*+,;=:@%/?-]|\{\w+\})*$/.test(text);

/** Checks that every output has the fields that `location` names. */
export function verifyLocation(name: string, location: string, output: Keywords | undefined, report: Report): void {
  const place = `${name}.location`;
  if (!isLocation(location)) {
    report(place, `is ${JSON.stringify(location)}: write a path such as /orders/{orderId}, percent-encoded where it must be`);
    return;
  }
  const read = schemaReader(output ?? false);
  const { properties, required } = read.fieldsOf(output ?? false);
  for (const param of new Set(paramsOf(location))) {
    const field = properties.get(param);
    if (field === undefined) report(place, `names {${param}}, which the output lacks`);
    else if (!isScalar(read.typesOf(field))) report(place, `names {${param}}, which is not always a string, a number or a boolean`);
    else if (!required.has(param)) report(place, `names {${param}}, which an output may leave out`);
  }
}
