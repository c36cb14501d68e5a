import { everyType, type Keywords, type Node } from '../contract/json-schema.ts';
import { constraints } from '../contract/references.ts';

const judged = new Set(
  'type enum const anyOf oneOf allOf not properties required additionalProperties propertyNames minProperties maxProperties items prefixItems minItems maxItems uniqueItems minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf'.split(
    ' ',
  ),
);

/** Lists the keywords of a schema whose meaning the check does not know. */
export const unjudged = (node: Keywords): readonly string[] => constraints(node).filter((name) => !judged.has(name));

/** Compares two values as JSON; the order of fields does not matter. */
export const equal = (a: unknown, b: unknown): boolean => {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  );
};

const plain = new WeakMap<readonly unknown[], ReadonlySet<unknown>>();

/** Tells whether `value` is one of `values`, as JSON. */
export function includes(values: readonly unknown[], value: unknown): boolean {
  const scalars = plain.get(values) ?? new Set(values);
  plain.set(values, scalars);
  return scalars.has(value) || (typeof value === 'object' && value !== null && values.some((one) => equal(one, value)));
}

/** Returns the values that a schema lists, perhaps more than it accepts, and `undefined` when it lists none. */
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

/** Returns the types that the values of a schema may have, by `type` alone. */
export const typesIn = (node: Keywords): readonly string[] =>
  node.type === undefined ? everyType : ([node.type].flat() as readonly string[]);

/** Returns the schema of a field that `properties` does not name, and `false` where the schema says nothing about such fields. */
export const unnamed = (node: Keywords): Node =>
  node.additionalProperties ?? (node.patternProperties !== undefined || unjudged(node).length > 0);

/** Tells whether a schema accepts everything. */
export const isAny = (node: Node): boolean => node === true || (typeof node === 'object' && constraints(node).length === 0);

/** Tells whether a schema accepts nothing, as far as its references show. */
export const isNever = (given: Node, resolve: (node: Node) => Node): boolean => {
  const node = resolve(given);
  return node === false || (typeof node === 'object' && node.not !== undefined && isAny(resolve(node.not)));
};
