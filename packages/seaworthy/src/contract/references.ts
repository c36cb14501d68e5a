import { pointed } from './json.ts';
import { type Keywords, mapRefs, type Node } from './json-schema.ts';

/** Names and comments: the accepted values do not depend on them. */
const annotations = new Set(
  '$schema $id $defs $comment $anchor definitions title description default examples deprecated readOnly writeOnly secret contentEncoding contentMediaType contentSchema id ~standard'.split(
    ' ',
  ),
);

/** Lists the keywords of a schema that constrain its values. */
export const constraints = (node: Keywords): readonly string[] => Object.keys(node).filter((name) => !annotations.has(name));

/** Makes a schema that accepts what both accept. */
export const both = (node: Keywords, other: Node): Node =>
  constraints(node).length === 0 ? other : { ...node, allOf: [...(node.allOf ?? []), other] };

/** Finds the schema that a reference names; `undefined` when the root does not have it. */
export function target(root: Node, ref: string): Node | undefined {
  if (ref === '#') return root;
  if (!ref.startsWith('#/')) return undefined;
  let at: unknown = root;
  for (const part of ref.slice(2).split('/')) {
    const name = pointed(part);
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at as Node;
}

/**
 * Returns a function that follows the references of one schema. Keywords beside a reference hold too, and the result is the same
 * object each time. A reference to nothing, or to itself alone, stays as it is.
 */
export function resolver(root: Node): (node: Node) => Node {
  const known = new WeakMap<object, Node>();
  return function resolve(node: Node): Node {
    if (typeof node === 'boolean' || node.$ref === undefined) return node;
    const before = known.get(node);
    if (before !== undefined) return before;
    known.set(node, node); // until it is known: a reference that comes back to itself stays as it is
    const { $ref, ...beside } = node;
    const found = target(root, $ref);
    if (found === undefined) return node;
    const joined = both(beside, found);
    const result = joined === found ? resolve(found) : joined;
    known.set(node, result);
    return result;
  };
}

/** Lists the references of a schema to nothing, or to themselves alone. */
export function dangling(root: Node): readonly string[] {
  const resolve = resolver(root);
  const found = new Set<string>();
  mapRefs(root, ($ref) => {
    const end = resolve({ $ref });
    if (typeof end === 'object' && end.$ref !== undefined) found.add($ref);
    return $ref;
  });
  return [...found];
}
