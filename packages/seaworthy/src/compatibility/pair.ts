import type { Keywords, Node } from '../contract/json-schema.ts';
import { constraints, resolver } from '../contract/references.ts';
import { type Merged, merge } from './merge.ts';

/** Makes a schema from another one, the same object each time for the same `what`. */
export type Derive = (node: Keywords, what: string, make: () => Node) => Node;

/** Two schemas that are compared. A derived schema is the same object each time, so that recursion is recognised by identity. */
export interface Pair {
  /** Follows the reference of a node of the reader. */
  readonly readerOf: (node: Node) => Node;
  /** Follows the reference of a node of the writer. */
  readonly writerOf: (node: Node) => Node;
  readonly derive: Derive;
  /** All schemas that bind a node of the writer at once (`allOf`): one by one, and merged where that is possible. */
  readonly partsOf: (node: Keywords) => { readonly members: readonly Keywords[]; readonly merged: Merged | undefined };
  /** Counts one step. Throws when there are too many. */
  readonly step: () => void;
}

const never: Merged = { node: false, wider: false };

/** Makes a pair. */
export function pairOf(reader: Node, writer: Node, step: () => void): Pair {
  const derived = new WeakMap<object, Map<string, Node>>();
  const numbers = new WeakMap<object, number>();
  const merges = new Map<string, Merged | undefined>();
  const writerOf = resolver(writer);
  let count = 0;

  const numberOf = (node: object): number => {
    const number = numbers.get(node) ?? count++;
    numbers.set(node, number);
    return number;
  };

  const derive: Derive = (node, what, make) => {
    const parts = derived.get(node) ?? new Map<string, Node>();
    derived.set(node, parts);
    const made = parts.get(what) ?? make();
    parts.set(what, made);
    return made;
  };

  /** Adds the node without its `allOf`, and the schemas in that; `false` when one of them accepts nothing. */
  function collect(given: Node, into: Map<object, Keywords>, seen: Set<Node>): boolean {
    const node = writerOf(given);
    if (typeof node === 'boolean') return node;
    if (seen.has(node)) return true;
    seen.add(node);
    step();
    if (!node.allOf) {
      into.set(node, node);
      return true;
    }
    const { allOf, ...rest } = node;
    const own = derive(node, 'own', () => rest) as Keywords;
    if (constraints(own).length > 0) into.set(own, own);
    return allOf.every((one) => collect(one, into, seen));
  }

  return {
    readerOf: resolver(reader),
    writerOf,
    derive,
    step,
    partsOf(node) {
      const into = new Map<object, Keywords>();
      const possible = collect(node, into, new Set());
      const members = [...into.values()];
      const key = possible ? members.map(numberOf).join() : 'never';
      if (!merges.has(key)) merges.set(key, !possible ? never : members.length === 0 ? { node: true, wider: false } : merge(members));
      return { members, merged: merges.get(key) };
    },
  };
}
