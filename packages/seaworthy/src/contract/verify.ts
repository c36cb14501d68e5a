import { milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';
import { clashes, type Position } from './definitions.ts';
import { equivalent } from './equivalent.ts';
import { formOf } from './form.ts';
import { httpParts, isHttp, methods, refusedPath, shapeOf } from './http.ts';
import { verifyFields, verifyLocation, verifyRequired } from './http-fields.ts';
import type { Keywords } from './json-schema.ts';
import { declaredErrors, type Event, type Members, type Operation } from './member.ts';
import type { Schema } from './schema.ts';
import { schemaReader } from './schema-reader.ts';

/** A contract cannot be sent over the wire; the message lists each place and its rule. */
export class ContractInvalid extends SeaworthyError {
  readonly code = 'SW_CONTRACT_INVALID';
  readonly kind = 'invalid';
}

/** Collects the broken rules, and the schemas that were checked. */
interface Notes {
  report(place: string, rule: string): void;
  readonly seen: Position[];
}

function schemaOf(schema: Schema, side: 'input' | 'output', place: string, { report, seen }: Notes): Keywords | undefined {
  const form = formOf(schema, side);
  if ('wrong' in form) {
    report(place, form.wrong);
    return undefined;
  }
  seen.push({ place, side, schema: form.schema });
  return form.schema;
}

function bothSides(schema: Schema, place: string, notes: Notes): Keywords | undefined {
  const output = schemaOf(schema, 'output', place, notes);
  const input = output && schemaOf(schema, 'input', place, notes);
  if (input && !equivalent({ node: input, root: input }, { node: output, root: output }, { sides: true }))
    notes.report(place, 'is changed by its validation, which both sides run: use a schema whose input and output are the same');
  return output;
}

/** RFC 9110, 15.3.5 and 15.3.6. */
const bodiless: ReadonlySet<number> = new Set([204, 205]);

function verifyStatus(name: string, { status, output }: Operation, { report }: Notes): void {
  const place = `${name}.status`;
  if (!Number.isInteger(status) || status < 200 || status > 299) report(place, `is ${status}: choose one from 200 to 299`);
  else if (output && bodiless.has(status))
    report(
      place,
      `is ${status}, which has no body, and the operation has an output: choose another status, or leave the status or the output out`,
    );
}

function verifyOperation(name: string, operation: Operation, notes: Notes): void {
  const { report } = notes;
  if (!isHttp(operation.http)) {
    report(
      `${name}.http`,
      `is ${JSON.stringify(operation.http)}: write one of ${methods.join(', ')}, a space and a path such as /orders/{orderId}`,
    );
    return;
  }
  const refused = refusedPath(operation.http);
  if (refused !== undefined) report(`${name}.http`, refused);
  const input = schemaOf(operation.input, 'input', `${name}.input`, notes);
  const output = operation.output && bothSides(operation.output, `${name}.output`, notes);
  // An input or output that could not be read cannot be checked further.
  if (input) {
    verifyFields(name, input, operation.http, report);
    verifyRequired(name, input, operation.http, report);
  }
  if (operation.location !== undefined && (output || !operation.output)) verifyLocation(name, operation.location, output, report);
  if (operation.kind === 'command' && httpParts(operation.http).method === 'GET')
    report(`${name}.http`, 'is a GET, which must not change anything: use POST, PUT, PATCH or DELETE for a command');
  for (const [error, { status, data }] of Object.entries(declaredErrors(operation))) {
    if (!Number.isInteger(status) || status < 400 || status > 599)
      report(`${name}.errors.${error}`, `has the status ${status}: choose one from 400 to 599`);
    if (data) bothSides(data, `${name}.errors.${error}.data`, notes);
  }
  verifyStatus(name, operation, notes);
}

/** Tells whether `key` is a field of the data that is always present and a string. */
function isKey(data: Keywords, key: string): boolean {
  const { fieldsOf, typesOf } = schemaReader(data);
  const { properties, required } = fieldsOf(data);
  const field = properties.get(key);
  return field !== undefined && required.has(key) && typesOf(field).join() === 'string';
}

function verifyEvent(name: string, event: Event, notes: Notes): void {
  const { report } = notes;
  const data = bothSides(event.data, `${name}.data`, notes);
  if (data && !isKey(data, event.key))
    report(`${name}.key`, `is ${JSON.stringify(event.key)}, which is not a field of type string that its data always have`);
  if (event.notAfter !== undefined) {
    try {
      milliseconds(event.notAfter);
    } catch (error) {
      report(`${name}.notAfter`, (error as Error).message);
    }
  }
}

/** Checks the members of a contract. Throws `ContractInvalid`, which lists everything that is wrong. */
export function verify(service: string, members: Members): void {
  const wrong: string[] = [];
  const notes: Notes = { report: (place, rule) => void wrong.push(`${service}.${place} ${rule}`), seen: [] };
  const { report, seen } = notes;
  if (!/^[a-z][a-z0-9-]*$/.test(service))
    wrong.push(`the name ${JSON.stringify(service)} of a contract is not lower case letters, digits and hyphens`);
  const shapes = new Map<string, string>();
  for (const [name, member] of Object.entries(members)) {
    if (!/^[a-z][A-Za-z0-9]*$/.test(name)) report(name, 'is not a camelCase name');
    if (member.kind === 'event') {
      verifyEvent(name, member as Event, notes);
      continue;
    }
    const { http } = member as Operation;
    verifyOperation(name, member as Operation, notes);
    const shape = shapeOf(http);
    const other = shapes.get(shape);
    if (other) report(`${name}.http`, `matches the same requests as ${other}: change one of them`);
    shapes.set(shape, name);
  }
  for (const { name, place, other } of clashes(seen))
    report(place, `names a schema ${JSON.stringify(name)}, and ${service}.${other} names another one so: give each schema its own id`);
  if (wrong.length > 0) throw new ContractInvalid(wrong.join('; '));
}
