import { type Http, httpParts, paramsOf } from './http.ts';
import type { Keywords, Node } from './json-schema.ts';
import type { At, Operation } from './member.ts';
import { type Reading, reading } from './reading.ts';
import { jsonSchema } from './schema.ts';

/** Notes what is wrong, and goes on. */
export type Say = (place: string, rule: string) => void;

const scalars = new Set(['string', 'number', 'integer', 'boolean']);

/** Every value is a string, a number or a boolean: it fits into a path or a query string. */
const isScalar = (types: readonly string[]): boolean => types.length > 0 && types.every((type) => scalars.has(type));

/** A text and what it reads as could not be told apart on arrival. */
const isAmbiguous = (types: readonly string[]): boolean => types.includes('string') && types.length > 1;

const either = 'cannot be both a string and a number or boolean, which nobody could tell apart';

function verifyPath(name: string, params: readonly string[], fields: ReadonlyMap<string, Node>, { typesOf }: Reading, say: Say): void {
  for (const [index, param] of params.entries()) {
    const field = fields.get(param);
    const types = field === undefined ? [] : typesOf(field);
    if (params.indexOf(param) < index) say(`${name}.http`, `names {${param}} twice: a field has one place in a path`);
    else if (field === undefined) say(`${name}.http`, `names {${param}}, which the input lacks`);
    else if (!isScalar(types)) say(`${name}.input.${param}`, 'is in the path, and can only be a string, a number or a boolean');
    else if (isAmbiguous(types)) say(`${name}.input.${param}`, `is in the path, and ${either}`);
  }
}

function verifyInQuery(place: string, field: Node, method: string, { typesOf, entriesOf }: Reading, say: Say): void {
  const types = typesOf(field);
  const one = types.join() === 'array' ? entriesOf(field) : types;
  const would = `would travel in the query string of a ${method}`;
  if (!isScalar(one)) say(place, `${would}, and can only be a string, a number, a boolean or an array of these`);
  else if (isAmbiguous(one)) say(place, `${would}, and ${either}`);
}

/** Whether path and query string of `http` can carry the fields of an input. */
export function verifyFields(name: string, input: Keywords, http: Http, say: Say): void {
  const read = reading(input);
  if (read.typesOf(input).join() !== 'object') {
    say(`${name}.input`, 'is no object: the input of an operation has named fields');
    return;
  }
  const { params, bodiless, method } = httpParts(http);
  const { properties, open } = read.fieldsOf(input);
  verifyPath(name, params, properties, read, say);
  if (!bodiless) return;
  if (open) say(`${name}.input`, `would travel in the query string of a ${method}, and can only have fields that it names`);
  const rest = [...properties].filter(([field]) => !params.includes(field));
  for (const [field, schema] of rest) verifyInQuery(`${name}.input.${field}`, schema, method, read, say);
}

/** What keeps an operation from being reached by `http`, in place of its own method and path. */
export function unreachableBy(operation: Operation & At, http: Http): readonly string[] {
  const wrong: string[] = [];
  const say: Say = (place, rule) => void wrong.push(`${operation.service}.${place} ${rule}`);
  verifyFields(operation.name, jsonSchema(operation.input, 'input'), http, say);
  if (operation.kind === 'command' && httpParts(http).method === 'GET')
    say(operation.name, 'is a command, and a GET must not change anything');
  return wrong;
}

/** Whether every input has what the path of its operation is made of. */
export function verifyRequired(name: string, input: Keywords, http: Http, say: Say): void {
  const { properties, required } = reading(input).fieldsOf(input);
  for (const param of new Set(httpParts(http).params))
    if (properties.has(param) && !required.has(param))
      say(`${name}.input.${param}`, 'is in the path, and cannot be left out: let it be neither optional nor have a default');
}

/** RFC 3986, 2: what a path with a query string may be made of, beside parameters in braces. */
const isLocation = (text: string): boolean => /^\/(?!\/)(?:[\w.~!$&'()*+,;=:@%/?-]|\{\w+\})*$/.test(text);

/** Whether every output has what `location` is made of. */
export function verifyLocation(name: string, location: string, output: Keywords | undefined, say: Say): void {
  const place = `${name}.location`;
  if (!isLocation(location)) {
    say(place, `is ${JSON.stringify(location)}: write a path such as /orders/{orderId}, percent-encoded where it must be`);
    return;
  }
  const read = reading(output ?? false);
  const { properties, required } = read.fieldsOf(output ?? false);
  for (const param of new Set(paramsOf(location))) {
    const field = properties.get(param);
    if (field === undefined) say(place, `names {${param}}, which the output lacks`);
    else if (!isScalar(read.typesOf(field))) say(place, `names {${param}}, which is not always a string, a number or a boolean`);
    else if (!required.has(param)) say(place, `names {${param}}, which an output may leave out`);
  }
}
