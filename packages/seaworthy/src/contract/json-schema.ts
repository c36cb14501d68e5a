import { isObject } from './json.ts';

/** A JSON Schema at one place (draft 2020-12): `true` accepts everything, `false` nothing. */
export type Node = boolean | Keywords;

/** The keywords that the toolkit understands. */
export interface Keywords {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly allOf?: readonly Node[];
  readonly not?: Node;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Node>>;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node;
  readonly propertyNames?: Node;
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: Node;
  readonly prefixItems?: readonly Node[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly description?: string;
}

/** The keywords that hold values, not schemas. */
const ofValues = new Set(['const', 'enum', 'default', 'examples', 'required']);
/** The keywords that hold schemas by names that users choose. */
const byName = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']);

const mapped = (fields: object, to: (value: unknown, key: string) => unknown): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, to(value, key)]));

/** Replaces each schema directly within a schema by what `to` returns; everything else stays. */
export const mapParts = (schema: object, to: (part: unknown, keyword: string) => unknown): Readonly<Record<string, unknown>> =>
  mapped(schema, (value, keyword) => {
    if (ofValues.has(keyword)) return value;
    if (byName.has(keyword)) return isObject(value) ? mapped(value, (one) => to(one, keyword)) : value;
    if (Array.isArray(value)) return value.map((one) => (isObject(one) ? to(one, keyword) : one));
    return isObject(value) ? to(value, keyword) : value;
  });

/** Replaces each reference within a schema. */
export function mapRefs(schema: unknown, to: (ref: string) => string): unknown {
  if (!isObject(schema)) return schema;
  const inner = mapParts(schema, (part) => mapRefs(part, to));
  return typeof inner['$ref'] === 'string' ? { ...inner, $ref: to(inner['$ref']) } : inner;
}

/** Returns the narrowest type of a value in JSON Schema's terms. */
export const typeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;

/** Tells whether a value of `type` has one of `types`. */
export const isOf = (type: string, types: Iterable<string>): boolean => {
  for (const one of types) if (one === type || (type === 'integer' && one === 'number')) return true;
  return false;
};

/** All types of JSON Schema; an integer is a number, too. */
export const everyType = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'] as const;

/** Returns the types that are in both lists. */
export const meet = (a: readonly string[], b: readonly string[]): readonly string[] => [
  ...a.filter((type) => isOf(type, b)),
  ...b.filter((type) => !a.includes(type) && isOf(type, a)),
];
