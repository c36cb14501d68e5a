import { milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import { alike } from './alike.ts';
import { clashes, type Position } from './definitions.ts';
import { verifyFields, verifyLocation, verifyRequired } from './fields.ts';
import { formOf } from './form.ts';
import { httpParts, isHttp, methods, refusedPath, shapeOf } from './http.ts';
import type { Keywords } from './json-schema.ts';
import { declaredErrors, type Event, type Members, type Operation } from './member.ts';
import { reading } from './reading.ts';
import type { Schema } from './schema.ts';

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

function schemaOf(schema: Schema, side: 'input' | 'output', place: string, { say, seen }: Notes): Keywords | undefined {
  const form = formOf(schema, side);
  if ('wrong' in form) {
    say(place, form.wrong);
    return undefined;
  }
  seen.push({ place, side, schema: form.schema });
  return form.schema;
}

function bothSides(schema: Schema, place: string, notes: Notes): Keywords | undefined {
  const output = schemaOf(schema, 'output', place, notes);
  const input = output && schemaOf(schema, 'input', place, notes);
  if (input && !alike({ node: input, root: input }, { node: output, root: output }, { sides: true }))
    notes.say(place, 'becomes something else by being validated, which both sides do: let it have one form');
  return output;
}

/** RFC 9110, 15.3.5 and 15.3.6. */
const bodiless: ReadonlySet<number> = new Set([204, 205]);

function verifyStatus(name: string, { status, output }: Operation, { say }: Notes): void {
  const place = `${name}.status`;
  if (!Number.isInteger(status) || status < 200 || status > 299) say(place, `is ${status}: choose one from 200 to 299`);
  else if (output && bodiless.has(status))
    say(place, `is ${status}, under which an answer has no body, and there is an output: choose another status, or leave one of them out`);
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
  const refused = refusedPath(operation.http);
  if (refused !== undefined) say(`${name}.http`, refused);
  const input = schemaOf(operation.input, 'input', `${name}.input`, notes);
  const output = operation.output && bothSides(operation.output, `${name}.output`, notes);
  // Of an input or an output that nobody can read nothing more can be said.
  if (input) {
    verifyFields(name, input, operation.http, say);
    verifyRequired(name, input, operation.http, say);
  }
  if (operation.location !== undefined && (output || !operation.output)) verifyLocation(name, operation.location, output, say);
  if (operation.kind === 'command' && httpParts(operation.http).method === 'GET')
    say(`${name}.http`, 'is a GET, which must not change anything: use POST, PUT, PATCH or DELETE for a command');
  for (const [error, { status, data }] of Object.entries(declaredErrors(operation))) {
    if (!Number.isInteger(status) || status < 400 || status > 599)
      say(`${name}.errors.${error}`, `has the status ${status}: choose one from 400 to 599`);
    if (data) bothSides(data, `${name}.errors.${error}.data`, notes);
  }
  verifyStatus(name, operation, notes);
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
