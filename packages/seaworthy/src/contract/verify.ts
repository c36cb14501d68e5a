import { milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import { httpParts, isHttp, methods, shapeOf } from './http.ts';
import { declaredErrors, type Event, type Members, type Operation } from './member.ts';
import { type JsonSchema, jsonSchema, type Schema, typesOf } from './schema.ts';

/** A contract that cannot be kept over the wire; the message lists every place and rule. */
export class ContractInvalid extends SeaworthyError {
  readonly code = 'SW_CONTRACT_INVALID';
  readonly kind = 'invalid';
}

/** Notes what is wrong, and goes on. */
type Say = (place: string, rule: string) => void;

const scalars = new Set(['string', 'number', 'integer', 'boolean']);

/** Every alternative is a string, a number or a boolean: it fits into a path or a query string. */
const isScalar = (schema: JsonSchema): boolean => typesOf(schema).every((type) => scalars.has(type));

/** A text and what it reads as could not be told apart on arrival. */
const isAmbiguous = (schema: JsonSchema): boolean => {
  const types = new Set(typesOf(schema));
  return types.has('string') && types.size > 1;
};

const either = 'cannot be both a string and a number or boolean, which nobody could tell apart';

function schemaOf(schema: Schema, side: 'input' | 'output', place: string, say: Say): JsonSchema | undefined {
  if (typeof schema?.['~standard']?.jsonSchema?.[side] !== 'function') {
    say(place, 'is no Standard Schema that gives JSON Schema: use one that does, such as Zod 4.2 or newer');
    return undefined;
  }
  try {
    return jsonSchema(schema, side);
  } catch (error) {
    say(place, `cannot be put on the wire as JSON (${(error as Error).message}): use what JSON has, such as a string for a date`);
    return undefined;
  }
}

/** What validation may add to a schema of JSON on its way from one side to the other. */
const ofOneSide = new Set(['required', 'additionalProperties', 'default']);

function bothSides(schema: Schema, place: string, say: Say): JsonSchema | undefined {
  const output = schemaOf(schema, 'output', place, say);
  const input = output && schemaOf(schema, 'input', place, say);
  const shape = (side: unknown): string => JSON.stringify(side, (name, value: unknown) => (ofOneSide.has(name) ? undefined : value));
  if (input && shape(input) !== shape(output))
    say(place, 'becomes something else by being validated, which both sides do: let it have one form');
  return output;
}

function verifyPath(name: string, params: readonly string[], fields: Readonly<Record<string, JsonSchema>>, say: Say): void {
  for (const param of params) {
    const field = fields[param];
    if (!field) say(`${name}.http`, `names {${param}}, which the input lacks`);
    else if (!isScalar(field)) say(`${name}.input.${param}`, 'is in the path, and can only be a string, a number or a boolean');
    else if (isAmbiguous(field)) say(`${name}.input.${param}`, `is in the path, and ${either}`);
  }
}

function verifyInQuery(place: string, schema: JsonSchema, method: string, say: Say): void {
  const one = schema.items ?? schema;
  const would = `would travel in the query string of a ${method}`;
  if (!isScalar(one)) say(place, `${would}, and can only be a string, a number, a boolean or an array of these`);
  else if (isAmbiguous(one)) say(place, `${would}, and ${either}`);
}

/** `inQuery`: the method, when what is not in the path travels in the query string. */
function verifyFields(name: string, input: JsonSchema, params: readonly string[], inQuery: string | undefined, say: Say): void {
  const fields = input.properties ?? {};
  verifyPath(name, params, fields, say);
  if (inQuery === undefined) return;
  if (input.additionalProperties)
    say(`${name}.input`, `would travel in the query string of a ${inQuery}, and can only have fields that it names`);
  const rest = Object.entries(fields).filter(([field]) => !params.includes(field));
  for (const [field, schema] of rest) verifyInQuery(`${name}.input.${field}`, schema, inQuery, say);
}

function verifyOperation(name: string, operation: Operation, say: Say): void {
  if (!isHttp(operation.http)) {
    say(
      `${name}.http`,
      `is ${JSON.stringify(operation.http)}: write one of ${methods.join(', ')}, a space and a path such as /orders/{orderId}`,
    );
    return;
  }
  const { params, bodiless: inQuery, method } = httpParts(operation.http);
  const input = schemaOf(operation.input, 'input', `${name}.input`, say);
  if (operation.output) bothSides(operation.output, `${name}.output`, say);
  // Of an input that nobody can read nothing more can be said.
  if (input?.type === 'object') verifyFields(name, input, params, inQuery ? method : undefined, say);
  else if (input) say(`${name}.input`, 'is no object: the input of an operation has named fields');
  if (operation.kind === 'command' && method === 'GET')
    say(`${name}.http`, 'is a GET, which must not change anything: use POST, PUT, PATCH or DELETE for a command');
  for (const [error, { status, data }] of Object.entries(declaredErrors(operation))) {
    if (!Number.isInteger(status) || status < 400 || status > 599)
      say(`${name}.errors.${error}`, `has the status ${status}: choose one from 400 to 599`);
    if (data) bothSides(data, `${name}.errors.${error}.data`, say);
  }
  if (!Number.isInteger(operation.status) || operation.status < 200 || operation.status > 299)
    say(`${name}.status`, `is ${operation.status}: choose one from 200 to 299`);
}

function verifyEvent(name: string, event: Event, say: Say): void {
  const data = bothSides(event.data, `${name}.data`, say);
  if (data && data.properties?.[event.key]?.type !== 'string')
    say(`${name}.key`, `is ${JSON.stringify(event.key)}, which is no field of type string in its data`);
  if (event.notAfter !== undefined) {
    try {
      milliseconds(event.notAfter);
    } catch (error) {
      say(`${name}.notAfter`, (error as Error).message);
    }
  }
}

/** Throws `ContractInvalid` with everything that is wrong. */
export function verify(service: string, members: Members): void {
  const wrong: string[] = [];
  const say: Say = (place, rule) => void wrong.push(`${service}.${place} ${rule}`);
  if (!/^[a-z][a-z0-9-]*$/.test(service))
    wrong.push(`the name ${JSON.stringify(service)} of a contract is not lower case letters, digits and hyphens`);
  const shapes = new Map<string, string>();
  for (const [name, member] of Object.entries(members)) {
    if (!/^[a-z][A-Za-z0-9]*$/.test(name)) say(name, 'is no camelCase name');
    if (member.kind === 'event') {
      verifyEvent(name, member as Event, say);
      continue;
    }
    const { http } = member as Operation;
    verifyOperation(name, member as Operation, say);
    const shape = shapeOf(http);
    const other = shapes.get(shape);
    if (other) say(`${name}.http`, `matches the same requests as ${other}: change one of them`);
    shapes.set(shape, name);
  }
  if (wrong.length > 0) throw new ContractInvalid(wrong.join('; '));
}
