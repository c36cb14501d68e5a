import type { Keywords, Node } from '../contract/json-schema.ts';
import { resolver } from '../contract/references.ts';

/** Makes a part of a schema, or a form of it. */
export type Derive = (node: Keywords, what: string, make: () => Node) => Node;

/** Two schemas that are compared. */
export interface Pair {
  /** What a node of the reader refers to. */
  readonly readerOf: (node: Node) => Node;
  readonly writerOf: (node: Node) => Node;
  /** The same part of the same schema is the same object each time, so that a recursive one is seen to come back. */
  readonly derive: Derive;
}

export function pairOf(reader: Node, writer: Node): Pair {
  const derived = new WeakMap<object, Map<string, Node>>();
  return {
    readerOf: resolver(reader),
    writerOf: resolver(writer),
    derive(node, what, make) {
      const parts = derived.get(node) ?? new Map<string, Node>();
      derived.set(node, parts);
      const made = parts.get(what) ?? make();
      parts.set(what, made);
      return made;
    },
  };
}
