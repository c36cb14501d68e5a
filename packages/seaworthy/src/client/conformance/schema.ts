import type { Keywords } from '../../contract/json-schema.ts';
import type { Issue, Schema } from '../../contract/standard.ts';

/** One field of a record: its JSON Schema, and whether a value is one of it. */
interface Field {
  readonly json: Keywords;
  readonly accepts: (value: unknown) => boolean;
  readonly optional?: boolean;
  /** Taken when the field is absent. */
  readonly fallback?: unknown;
}
type Fields = Readonly<Record<string, Field>>;
type Values = Readonly<Record<string, unknown>>;

export const text: Field = { json: { type: 'string' }, accepts: (value) => typeof value === 'string' };
export const number: Field = { json: { type: 'number' }, accepts: (value) => typeof value === 'number' };
export const integer: Field = { json: { type: 'integer' }, accepts: Number.isInteger };
export const flag: Field = { json: { type: 'boolean' }, accepts: (value) => typeof value === 'boolean' };
export const anything: Field = { json: {}, accepts: () => true, optional: true };

export const oneOf = (...words: readonly string[]): Field => ({
  json: { type: 'string', enum: words },
  accepts: (value) => words.includes(value as string),
});
export const list = ({ json, accepts }: Field): Field => ({
  json: { type: 'array', items: json },
  accepts: (value) => Array.isArray(value) && value.every(accepts),
});
export const optional = (field: Field): Field => ({ ...field, optional: true });
export const fallback = (field: Field, value: unknown): Field => ({ ...field, optional: true, fallback: value });

/** A schema of an object with these fields, so that the suite needs no schema library. It passes over other fields, unless it is `strict`. */
export function record(fields: Fields, { strict = false }: { readonly strict?: boolean } = {}): Schema<Values, Values> {
  const all = Object.entries(fields);
  const json: Keywords = {
    type: 'object',
    properties: Object.fromEntries(all.map(([name, field]) => [name, field.json])),
    required: all.filter(([, field]) => !field.optional).map(([name]) => name),
    ...(strict && { additionalProperties: false }),
  };
  function validate(value: unknown): { readonly value: Values } | { readonly issues: readonly Issue[] } {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { issues: [{ message: 'must be an object' }] };
    const given = value as Values;
    const found: Record<string, unknown> = {};
    const issues: Issue[] = [];
    for (const [name, field] of all) {
      const one = given[name] ?? (name in given ? given[name] : field.fallback);
      if (one === undefined && field.optional) continue;
      if (field.accepts(one)) found[name] = one;
      else issues.push({ message: `must be ${JSON.stringify(field.json)}`, path: [name] });
    }
    if (strict)
      for (const name of Object.keys(given)) if (!Object.hasOwn(fields, name)) issues.push({ message: 'is not a field', path: [name] });
    return issues.length > 0 ? { issues } : { value: found };
  }
  return { '~standard': { version: 1, vendor: 'seaworthy', validate, jsonSchema: { input: () => json, output: () => json } } };
}
