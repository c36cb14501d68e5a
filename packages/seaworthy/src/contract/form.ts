import { isObject } from './json.ts';
import { type Keywords, mapParts } from './json-schema.ts';
import { dangling } from './references.ts';
import { jsonSchema, type Schema } from './schema.ts';

/** The JSON Schema of one side of a schema, or the reason why JSON cannot carry its values. */
export type Form = { readonly schema: Keywords } | { readonly wrong: string };

/** Tells whether some value is bytes, such as a file. Vendors give files a JSON Schema, but JSON has no bytes. */
function hasBytes(schema: unknown): boolean {
  if (!isObject(schema)) return false;
  if (schema['contentEncoding'] === 'binary' || schema['format'] === 'binary') return true;
  let found = false;
  mapParts(schema, (part) => {
    found ||= hasBytes(part);
  });
  return found;
}

const advice = (message: string): string =>
  /duplicate/i.test(message) ? 'give each schema an id of its own' : 'use what JSON has, such as a string for a date';

/** Takes the JSON Schema of one side of `schema`, and checks that JSON can carry its values. */
export function formOf(schema: Schema, side: 'input' | 'output'): Form {
  if (typeof schema?.['~standard']?.jsonSchema?.[side] !== 'function')
    return { wrong: 'is not a Standard Schema with JSON Schema: use a library that has both, such as Zod 4.2 or newer' };
  let found: Keywords;
  try {
    found = jsonSchema(schema, side);
  } catch (error) {
    const { message } = error as Error;
    return { wrong: `cannot be put on the wire as JSON (${message}): ${advice(message)}` };
  }
  if (hasBytes(found))
    return { wrong: 'cannot be put on the wire as JSON (a file is bytes): send a base64 string, or the address of the file' };
  const [lost] = dangling(found);
  if (lost === undefined) return { schema: found };
  return { wrong: `refers to ${JSON.stringify(lost)}, which is not in its JSON Schema: define it in \`$defs\`` };
}
