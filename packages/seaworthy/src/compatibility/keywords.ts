/** A JSON Schema as the check of compatibility reads it (draft 2020-12): `true` accepts everything, `false` nothing. */
export type Node = boolean | Keywords;

/** Those that the check knows. */
export interface Keywords {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly allOf?: readonly Node[];
  readonly not?: Node;
  readonly $ref?: string;
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
}

/** What says nothing about which values are accepted. */
const annotations = new Set(
  '$schema $id $defs $comment $anchor definitions title description default examples deprecated readOnly writeOnly contentEncoding contentMediaType contentSchema id'.split(
    ' ',
  ),
);
const judged = new Set(
  'type enum const anyOf oneOf allOf not properties required additionalProperties propertyNames minProperties maxProperties items prefixItems minItems maxItems uniqueItems minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf'.split(
    ' ',
  ),
);

/** The keywords that constrain. */
export const constraints = (node: Keywords): readonly string[] => Object.keys(node).filter((name) => !annotations.has(name));

/** The keywords whose meaning the check does not know. */
export const unjudged = (node: Keywords): readonly string[] => constraints(node).filter((name) => !judged.has(name));

/** Equal as JSON, whatever the order of fields. */
export const equal = (a: unknown, b: unknown): boolean => {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  );
};

/** The values that a schema lists, or some more; `undefined` when it lists none. */
export const listed = (node: Keywords): readonly unknown[] | undefined =>
  'const' in node
    ? [node.const]
    : node.enum
      ? node.enum
      : node.type === 'null'
        ? [null]
        : node.type === 'boolean'
          ? [true, false]
          : undefined;

const all = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'] as const;

/** The types that its values may have, by `type` alone. */
export const typesIn = (node: Keywords): readonly string[] => (node.type === undefined ? all : ([node.type].flat() as readonly string[]));

/** The narrowest type of a value, as JSON Schema names it. */
export const typeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;

/** Whether a value of `type` is one of `types`. */
export const isOf = (type: string, types: readonly string[]): boolean =>
  types.includes(type) || (type === 'integer' && types.includes('number'));

/** What a field may be that `properties` does not name; `false` where nobody says that there are such. */
export const unnamed = (node: Keywords): Node =>
  node.additionalProperties ?? (node.patternProperties !== undefined || unjudged(node).length > 0);

/** What is of both. */
export const both = (node: Keywords, other: Node): Node =>
  constraints(node).length === 0 ? other : { ...node, allOf: [...(node.allOf ?? []), other] };

/** It accepts nothing. */
export const isNever = (node: Node): boolean =>
  node === false || (typeof node === 'object' && node.not !== undefined && (node.not === true || equal(node.not, {})));

/** It accepts everything. */
export const isAny = (node: Node): boolean => node === true || (typeof node === 'object' && constraints(node).length === 0);

/** A reference is somewhere in it. */
export const hasRef = (node: unknown): boolean =>
  typeof node === 'object' && node !== null && (Object.hasOwn(node, '$ref') || Object.values(node).some(hasRef));
