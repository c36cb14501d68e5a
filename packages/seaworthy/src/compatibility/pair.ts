import type { Keywords, Node } from '../contract/json-schema.ts';
import { constraints, resolver } from '../contract/references.ts';
import { type Merged, merge } from './merge.ts';

/** Makes a part of a schema, or a form of it. */
export type Derive = (node: Keywords, what: string, make: () => Node) => Node;

/** Two schemas that are compared. The same part of the same schema is the same object each time, so that a recursive one is seen to come back. */
export interface Pair {
  /** What a node of the reader refers to. */
  readonly readerOf: (node: Node) => Node;
  readonly writerOf: (node: Node) => Node;
  readonly derive: Derive;
  /** What a node of the writer and its parts (`allOf`) say at once: each for itself, and as one if that can be said. */
  readonly partsOf: (node: Keywords) => { readonly members: readonly Keywords[]; readonly merged: Merged | undefined };
  /** Called for each thing that is looked at. Throws when these are too many. */
  readonly step: () => void;
}

const never: Merged = { node: false, wider: false };

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

  /** Adds what `node` says by itself, and what its parts do; `false` when one of them accepts nothing. */
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
