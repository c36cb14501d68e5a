import { pointed } from './json.ts';
import { type Keywords, mapRefs, type Node } from './json-schema.ts';

/** Names and comments: which values are accepted does not hang on them. */
const annotations = new Set(
  '$schema $id $defs $comment $anchor definitions title description default examples deprecated readOnly writeOnly secret contentEncoding contentMediaType contentSchema id ~standard'.split(
    ' ',
  ),
);

/** The keywords that constrain. */
export const constraints = (node: Keywords): readonly string[] => Object.keys(node).filter((name) => !annotations.has(name));

/** What is of both. */
export const both = (node: Keywords, other: Node): Node =>
  constraints(node).length === 0 ? other : { ...node, allOf: [...(node.allOf ?? []), other] };

/** What a reference names; `undefined` when it is not in the schema. */
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
 * Follows the references of one schema: what stands beside a reference holds too, and what it names is the same object each time.
 * A reference that names nothing, or itself alone, stays one.
 */
export function resolver(root: Node): (node: Node) => Node {
  const known = new WeakMap<object, Node>();
  return function resolve(node: Node): Node {
    if (typeof node === 'boolean' || node.$ref === undefined) return node;
    const before = known.get(node);
    if (before !== undefined) return before;
    known.set(node, node); // until it is known: one that comes back to itself stays what it is
    const { $ref, ...beside } = node;
    const found = target(root, $ref);
    if (found === undefined) return node;
    const joined = both(beside, found);
    const result = joined === found ? resolve(found) : joined;
    known.set(node, result);
    return result;
  };
}

/** References of a schema that name nothing in it, or nothing but themselves. */
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
