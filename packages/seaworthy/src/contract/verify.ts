import { milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import { alike } from './alike.ts';
import { clashes, type Position } from './definitions.ts';
import { httpParts, isHttp, methods, shapeOf } from './http.ts';
import type { Keywords, Node } from './json-schema.ts';
import { declaredErrors, type Event, type Members, type Operation } from './member.ts';
import { type Reading, reading } from './reading.ts';
import { dangling } from './references.ts';
import { jsonSchema, type Schema } from './schema.ts';

/** A contract that cannot be kept over the wire; the message lists every place and rule. */
export class ContractInvalid extends SeaworthyError {
  readonly code = 'SW_CONTRACT_INVALID';
  readonly kind = 'invalid';
}

/** Notes what is wrong, and goes on; keeps the schemas that were seen. */
interface Notes {
  say(place: string, rule: string): void;
  readonly seen: Position[];
}

const scalars = new Set(['string', 'number', 'integer', 'boolean']);

/** Every value is a string, a number or a boolean: it fits into a path or a query string. */
const isScalar = (types: readonly string[]): boolean => types.length > 0 && types.every((type) => scalars.has(type));

/** A text and what it reads as could not be told apart on arrival. */
const isAmbiguous = (types: readonly string[]): boolean => types.includes('string') && types.length > 1;

const either = 'cannot be both a string and a number or boolean, which nobody could tell apart';

function schemaOf(schema: Schema, side: 'input' | 'output', place: string, { say, seen }: Notes): Keywords | undefined {
  if (typeof schema?.['~standard']?.jsonSchema?.[side] !== 'function') {
    say(place, 'is no Standard Schema that gives JSON Schema: use one that does, such as Zod 4.2 or newer');
    return undefined;
  }
  try {
    const found = jsonSchema(schema, side);
    const [lost] = dangling(found);
    if (lost !== undefined) say(place, `refers to ${JSON.stringify(lost)}, which is not in its JSON Schema: define it in \`$defs\``);
    seen.push({ place, side, schema: found });
    return lost === undefined ? found : undefined;
  } catch (error) {
    const { message } = error as Error;
    const advice = /duplicate/i.test(message) ? 'give each schema an id of its own' : 'use what JSON has, such as a string for a date';
    say(place, `cannot be put on the wire as JSON (${message}): ${advice}`);
    return undefined;
  }
}

function bothSides(schema: Schema, place: string, notes: Notes): Keywords | undefined {
  const output = schemaOf(schema, 'output', place, notes);
  const input = output && schemaOf(schema, 'input', place, notes);
  if (input && !alike({ node: input, root: input }, { node: output, root: output }, { sides: true }))
    notes.say(place, 'becomes something else by being validated, which both sides do: let it have one form');
  return output;
}

function verifyPath(
  name: string,
  params: readonly string[],
  fields: ReadonlyMap<string, Node>,
  { typesOf }: Reading,
  { say }: Notes,
): void {
  for (const param of params) {
    const field = fields.get(param);
    if (field === undefined) {
      say(`${name}.http`, `names {${param}}, which the input lacks`);
      continue;
    }
    const types = typesOf(field);
    if (!isScalar(types)) say(`${name}.input.${param}`, 'is in the path, and can only be a string, a number or a boolean');
    else if (isAmbiguous(types)) say(`${name}.input.${param}`, `is in the path, and ${either}`);
  }
}

function verifyInQuery(place: string, field: Node, method: string, { typesOf, entriesOf }: Reading, { say }: Notes): void {
  const types = typesOf(field);
  const one = types.join() === 'array' ? entriesOf(field) : types;
  const would = `would travel in the query string of a ${method}`;
  if (!isScalar(one)) say(place, `${would}, and can only be a string, a number, a boolean or an array of these`);
  else if (isAmbiguous(one)) say(place, `${would}, and ${either}`);
}

/** `inQuery`: the method, when what is not in the path travels in the query string. */
function verifyFields(name: string, input: Keywords, params: readonly string[], inQuery: string | undefined, notes: Notes): void {
  const read = reading(input);
  if (read.typesOf(input).join() !== 'object') {
    notes.say(`${name}.input`, 'is no object: the input of an operation has named fields');
    return;
  }
  const { properties, open } = read.fieldsOf(input);
  verifyPath(name, params, properties, read, notes);
  if (inQuery === undefined) return;
  if (open) notes.say(`${name}.input`, `would travel in the query string of a ${inQuery}, and can only have fields that it names`);
  const rest = [...properties].filter(([field]) => !params.includes(field));
  for (const [field, schema] of rest) verifyInQuery(`${name}.input.${field}`, schema, inQuery, read, notes);
}

function verifyOperation(name: string, operation: Operation, notes: Notes): void {
  const { say } = notes;
  if (!isHttp(operation.http)) {
    say(
      `${name}.http`,
      `is ${JSON.stringify(operation.http)}: write one of ${methods.join(', ')}, a space and a path such as /orders/{orderId}`,
    );
    return;
  }
  const { params, bodiless: inQuery, method } = httpParts(operation.http);
  const input = schemaOf(operation.input, 'input', `${name}.input`, notes);
  if (operation.output) bothSides(operation.output, `${name}.output`, notes);
  // Of an input that nobody can read nothing more can be said.
  if (input) verifyFields(name, input, params, inQuery ? method : undefined, notes);
  if (operation.kind === 'command' && method === 'GET')
    say(`${name}.http`, 'is a GET, which must not change anything: use POST, PUT, PATCH or DELETE for a command');
  for (const [error, { status, data }] of Object.entries(declaredErrors(operation))) {
    if (!Number.isInteger(status) || status < 400 || status > 599)
      say(`${name}.errors.${error}`, `has the status ${status}: choose one from 400 to 599`);
    if (data) bothSides(data, `${name}.errors.${error}.data`, notes);
  }
  if (!Number.isInteger(operation.status) || operation.status < 200 || operation.status > 299)
    say(`${name}.status`, `is ${operation.status}: choose one from 200 to 299`);
}

/** The key of an event is a field of its data that is always there, and a string. */
function isKey(data: Keywords, key: string): boolean {
  const { fieldsOf, typesOf } = reading(data);
  const { properties, required } = fieldsOf(data);
  const field = properties.get(key);
  return field !== undefined && required.has(key) && typesOf(field).join() === 'string';
}

function verifyEvent(name: string, event: Event, notes: Notes): void {
  const { say } = notes;
  const data = bothSides(event.data, `${name}.data`, notes);
  if (data && !isKey(data, event.key))
    say(`${name}.key`, `is ${JSON.stringify(event.key)}, which is no field of type string that its data always have`);
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
  const notes: Notes = { say: (place, rule) => void wrong.push(`${service}.${place} ${rule}`), seen: [] };
  const { say, seen } = notes;
  if (!/^[a-z][a-z0-9-]*$/.test(service))
    wrong.push(`the name ${JSON.stringify(service)} of a contract is not lower case letters, digits and hyphens`);
  const shapes = new Map<string, string>();
  for (const [name, member] of Object.entries(members)) {
    if (!/^[a-z][A-Za-z0-9]*$/.test(name)) say(name, 'is no camelCase name');
    if (member.kind === 'event') {
      verifyEvent(name, member as Event, notes);
      continue;
    }
    const { http } = member as Operation;
    verifyOperation(name, member as Operation, notes);
    const shape = shapeOf(http);
    const other = shapes.get(shape);
    if (other) say(`${name}.http`, `matches the same requests as ${other}: change one of them`);
    shapes.set(shape, name);
  }
  for (const { name, place, other } of clashes(seen))
    say(place, `calls a schema ${JSON.stringify(name)}, and ${service}.${other} another one: give each an id of its own`);
  if (wrong.length > 0) throw new ContractInvalid(wrong.join('; '));
}
