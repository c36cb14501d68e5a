import { everyType, type Keywords, type Node } from '../contract/json-schema.ts';
import { constraints } from '../contract/references.ts';

const judged = new Set(
  'type enum const anyOf oneOf allOf not properties required additionalProperties propertyNames minProperties maxProperties items prefixItems minItems maxItems uniqueItems minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf'.split(
    ' ',
  ),
);

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

/** The types that its values may have, by `type` alone. */
export const typesIn = (node: Keywords): readonly string[] =>
  node.type === undefined ? everyType : ([node.type].flat() as readonly string[]);

/** What a field may be that `properties` does not name; `false` where nobody says that there are such. */
export const unnamed = (node: Keywords): Node =>
  node.additionalProperties ?? (node.patternProperties !== undefined || unjudged(node).length > 0);

/** It accepts nothing. */
export const isNever = (node: Node): boolean =>
  node === false || (typeof node === 'object' && node.not !== undefined && (node.not === true || equal(node.not, {})));

/** It accepts everything. */
export const isAny = (node: Node): boolean => node === true || (typeof node === 'object' && constraints(node).length === 0);

/** A reference is somewhere in it. */
export const hasRef = (node: unknown): boolean =>
  typeof node === 'object' && node !== null && (Object.hasOwn(node, '$ref') || Object.values(node).some(hasRef));
