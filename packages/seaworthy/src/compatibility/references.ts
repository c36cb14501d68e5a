import { pointed } from '../contract/json.ts';
import { both, type Node } from './keywords.ts';

/** Finds what a reference names, once each: an equal reference gives the same object. */
export function resolver(root: Node): (node: Node) => Node {
  const known = new WeakMap<object, Node>();
  function target(ref: string): Node {
    if (ref === '#') return root;
    if (!ref.startsWith('#/')) return { $ref: ref };
    let at: unknown = root;
    for (const part of ref.slice(2).split('/')) {
      const name = pointed(part);
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return { $ref: ref };
      at = (at as Record<string, unknown>)[name];
    }
    return at as Node;
  }
  return function resolve(node: Node): Node {
    if (typeof node === 'boolean' || node.$ref === undefined) return node;
    const before = known.get(node);
    if (before !== undefined) return before;
    const { $ref, ...beside } = node;
    const found = target($ref);
    const itself = typeof found === 'object' && found.$ref === $ref;
    const joined = both(beside, found);
    const result = itself ? node : joined === found ? resolve(found) : joined;
    known.set(node, result);
    return result;
  };
}
