import type { Keywords } from './json-schema.ts';
import type { Schema } from './standard.ts';

type Side = 'input' | 'output';
const made = new WeakMap<Schema, Partial<Record<Side, Keywords>>>();

/** Returns the JSON Schema of what goes into a schema (`input`) or comes out of it (`output`), made once. Throws what the vendor throws when there is none. */
export function jsonSchema(schema: Schema, side: Side): Keywords {
  const known = made.get(schema) ?? {};
  known[side] ??= schema['~standard'].jsonSchema[side]({ target: 'draft-2020-12' }) as Keywords;
  made.set(schema, known);
  return known[side];
}
