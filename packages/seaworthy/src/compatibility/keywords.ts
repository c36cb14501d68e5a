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

const plain = new WeakMap<readonly unknown[], ReadonlySet<unknown>>();

/** Whether `value` is one of them, as JSON. */
export function includes(values: readonly unknown[], value: unknown): boolean {
  const scalars = plain.get(values) ?? new Set(values);
  plain.set(values, scalars);
  return scalars.has(value) || (typeof value === 'object' && value !== null && values.some((one) => equal(one, value)));
}

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

/** It accepts everything. */
export const isAny = (node: Node): boolean => node === true || (typeof node === 'object' && constraints(node).length === 0);

/** It accepts nothing, as far as a reader of one schema's references tells. */
export const isNever = (given: Node, resolve: (node: Node) => Node): boolean => {
  const node = resolve(given);
  return node === false || (typeof node === 'object' && node.not !== undefined && isAny(resolve(node.not)));
};
