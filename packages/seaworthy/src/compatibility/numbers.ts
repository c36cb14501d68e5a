import { isObject } from '../contract/json.ts';
import { type Keywords, mapParts, mapRefs, type Node } from '../contract/json-schema.ts';
import { constraints, target } from '../contract/references.ts';

/** Numbers schemas by their meaning: two with the same meaning have the same number, whatever in them is named and referred to. */
export type Numbering = (node: Node) => number;

type Refs = (ref: string) => string | number;

const inOrder = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, inOrder(value[name])]),
  );
};

/** Gives each key a number. */
class Keys {
  readonly #numbers = new Map<string, number>();
  of(key: string): number {
    const number = this.#numbers.get(key) ?? this.#numbers.size;
    this.#numbers.set(key, number);
    return number;
  }
  alias(key: string, number: number): void {
    this.#numbers.set(key, number);
  }
}

/** Numbers schemas by the keywords that constrain; `refs` gives the number or the key of a reference. */
function numbering(keys: Keys, refs: Refs): { readonly keyOf: (node: Keywords) => string; readonly numberOf: Numbering } {
  const known = new WeakMap<object, number>();
  const keyOf = (node: Keywords): string => {
    const parts = mapParts(node, (part) => `#${numberOf(part as Node)}`);
    const said = constraints(node).toSorted();
    return JSON.stringify(said.map((name) => [name, name === '$ref' ? refs(node.$ref as string) : inOrder(parts[name])]));
  };
  function numberOf(node: Node): number {
    if (typeof node === 'boolean') return keys.of(String(node));
    const before = known.get(node);
    if (before !== undefined) return before;
    const alone = node.$ref !== undefined && constraints(node).length === 1 ? refs(node.$ref) : undefined;
    const number = typeof alone === 'number' ? alone : keys.of(alone ?? keyOf(node));
    known.set(node, number);
    return number;
  }
  return { keyOf, numberOf };
}

/** The references within one schema. */
interface References {
  readonly targets: ReadonlyMap<string, Node | undefined>;
  /** The references to schemas that contain themselves. */
  readonly cyclic: ReadonlySet<string>;
}

function namedIn(root: Node): References {
  const refsIn = (node: unknown): ReadonlySet<string> => {
    const refs = new Set<string>();
    mapRefs(node, (ref) => {
      refs.add(ref);
      return ref;
    });
    return refs;
  };
  const targets = new Map([...refsIn(root)].map((ref) => [ref, target(root, ref)]));
  const next = new Map<string, ReadonlySet<string>>();
  for (const [ref, node] of targets) {
    const { $defs: _, definitions: __, ...own } = (isObject(node) ? node : {}) as Readonly<Record<string, unknown>>;
    next.set(ref, refsIn(own));
  }
  const cyclic = new Set<string>();
  for (const ref of targets.keys()) {
    const reached = new Set<string>(next.get(ref));
    for (const one of reached) for (const further of next.get(one) ?? []) reached.add(further);
    if (reached.has(ref)) cyclic.add(ref);
  }
  return { targets, cyclic };
}

/**
 * Numbers two schemas alike. Recursive schemas are told apart by what they say one reference deep, then two, until no more of them
 * can be told apart.
 */
export function numbersOf(...roots: readonly [reader: Node, writer: Node]): readonly [reader: Numbering, writer: Numbering] {
  const sides = roots.map((root, side) => ({ ...namedIn(root), side }));
  const lost = (side: number, ref: string): string => `of ${side} ${ref}`;
  let classes = new Map<string, number>();

  /** Numbers both sides under the present classes; `cyclic` gives the number or the key of a recursive reference. */
  const numberings = (keys: Keys, cyclic: (name: number) => string | number): readonly ReturnType<typeof numbering>[] =>
    sides.map(({ targets, cyclic: own, side }) => {
      const made = numbering(keys, (ref) => {
        const node = targets.get(ref);
        if (node === undefined) return lost(side, ref);
        return own.has(ref) ? cyclic(classes.get(lost(side, ref)) ?? 0) : made.numberOf(node);
      });
      return made;
    });

  const each = <T>(of: (side: number, ref: string, node: Node) => T): readonly T[] =>
    sides.flatMap(({ targets, cyclic, side }) => [...cyclic].map((ref) => of(side, ref, targets.get(ref) as Node)));
  for (let count = 0; ; ) {
    const made = numberings(new Keys(), (name) => `class ${name}`);
    const finer = new Map(each((side, ref, node) => [lost(side, ref), (made[side] as (typeof made)[number]).numberOf(node)]));
    const now = new Set(finer.values()).size;
    if (now <= count) break;
    [classes, count] = [finer, now];
  }
  const keys = new Keys();
  const made = numberings(keys, (name) => keys.of(`class ${name}`));
  // A schema with the same meaning that is written out belongs to the class, too.
  each((side, ref, node) => {
    if (typeof node === 'boolean' || node.$ref !== undefined) return;
    keys.alias((made[side] as (typeof made)[number]).keyOf(node), keys.of(`class ${classes.get(lost(side, ref))}`));
  });
  const [reader, writer] = made.map(({ numberOf }) => numberOf) as [Numbering, Numbering];
  return [reader, writer];
}
