import { isObject } from './json.ts';
import type { Keywords, Node } from './json-schema.ts';
import { constraints, resolver } from './references.ts';

/** A schema, and the root whose definitions its references name. */
export interface RootedNode {
  readonly node: Node;
  readonly root: Node;
}

/** The keywords that name a schema and its definitions, and do not describe its values. */
const naming = new Set(['$schema', '$id', '$defs', 'definitions', '$anchor', '~standard', 'id']);
const byName = new Set(['properties', 'patternProperties', 'dependentSchemas']);
const ofSchemas = new Set([
  ...['anyOf', 'oneOf', 'allOf', 'prefixItems', 'not', 'items', 'additionalProperties', 'propertyNames', 'contains', 'if', 'then', 'else'],
  ...['unevaluatedItems', 'unevaluatedProperties', 'contentSchema'],
]);

/** Tells whether a keyword may differ between the input and the output of one schema. */
const addedBetween = (name: string, value: unknown): boolean =>
  name === 'required' || name === 'default' || (name === 'additionalProperties' && value === false);

/**
 * Tells whether two schemas have the same keywords, wherever their definitions are and whatever their vendor names them. With `sides`
 * the two are the input and the output of one schema, where the output may require a field that has a default.
 */
export function equivalent(first: RootedNode, second: RootedNode, { sides = false }: { readonly sides?: boolean } = {}): boolean {
  const [resolveA, resolveB] = [resolver(first.root), resolver(second.root)];
  const assumed = new Map<object, Set<object>>();
  const keywords = (node: Keywords): readonly string[] =>
    Object.entries(node).flatMap(([name, value]) => (naming.has(name) || (sides && addedBetween(name, value)) ? [] : [name]));

  const json = (x: unknown, y: unknown): boolean => {
    if (!isObject(x) || !isObject(y))
      return Array.isArray(x) && Array.isArray(y) ? x.length === y.length && x.every((one, index) => json(one, y[index])) : Object.is(x, y);
    return sameNames(x, y) && Object.keys(x).every((name) => json(x[name], y[name]));
  };
  const sameNames = (x: object, y: object): boolean => {
    const names = Object.keys(x);
    return names.length === Object.keys(y).length && names.every((name) => Object.hasOwn(y, name));
  };

  function keyword(name: string, x: unknown, y: unknown): boolean {
    if (byName.has(name) && isObject(x) && isObject(y))
      return sameNames(x, y) && Object.keys(x).every((field) => schema(x[field] as Node, y[field] as Node));
    if (!ofSchemas.has(name)) return json(x, y);
    if (Array.isArray(x) && Array.isArray(y))
      return x.length === y.length && x.every((one, index) => schema(one as Node, y[index] as Node));
    return schema(x as Node, y as Node);
  }

  /** Follows a reference; the comments beside it stay with it. The second entry identifies the schema that is compared. */
  const plain = (node: Keywords, resolve: (node: Node) => Node): readonly [Node, key: object] => {
    if (node.$ref === undefined) return [node, node];
    const { $ref, ...beside } = node;
    const found = resolve({ $ref });
    if (typeof found === 'boolean' || constraints(beside).length > 0) return [resolve(node), node];
    return Object.keys(beside).some((name) => !naming.has(name)) ? [{ ...found, ...beside }, node] : [found, found];
  };

  function schema(x: Node, y: Node): boolean {
    if (typeof x === 'boolean' || typeof y === 'boolean') return x === y;
    const [[one, a], [other, b]] = [plain(x, resolveA), plain(y, resolveB)];
    if (typeof one === 'boolean' || typeof other === 'boolean') return one === other;
    const before = assumed.get(a) ?? new Set<object>();
    // In progress, or found equivalent: recursive schemas are equivalent if everything on the way is.
    if (before.has(b)) return true;
    assumed.set(a, before.add(b));
    const [names, others] = [keywords(one), new Set(keywords(other))];
    return (
      names.length === others.size &&
      names.every((name) => others.has(name) && keyword(name, one[name as keyof Keywords], other[name as keyof Keywords]))
    );
  }
  return schema(first.node, second.node);
}
