import { everyType, type Keywords, meet, type Node, typeOf } from './json-schema.ts';
import { resolver } from './references.ts';

/** The fields that an object may have. */
export interface Fields {
  readonly properties: ReadonlyMap<string, Node>;
  readonly required: ReadonlySet<string>;
  /** There may be fields that it does not name. */
  readonly open: boolean;
}

/** One schema as contract, transports and documents read it: by reference, in parts (`allOf`) or as alternatives, it says the same. */
export interface Reading {
  /** The types that a value may have: all, where nothing is said. */
  typesOf(node: Node): readonly string[];
  fieldsOf(node: Node): Fields;
  /** The types that the entries of a list may have. */
  entriesOf(node: Node): readonly string[];
  /** How many entries a list has at least; 1 of what is no list. */
  leastEntries(node: Node): number;
  /** The same schema for objects without these fields, which travel elsewhere. */
  without(node: Node, fields: ReadonlySet<string>): Node;
}

const nothing: Fields = { properties: new Map(), required: new Set(), open: false };
const isListed = (node: Keywords): boolean => 'const' in node || node.enum !== undefined;

export function reading(root: Node): Reading {
  const resolve = resolver(root);

  /** What `own` says of a node, put together with what its parts and its alternatives say. One that is in progress says nothing. */
  function folded<T>(
    own: (node: Keywords) => T,
    all: (each: readonly T[]) => T,
    any: (each: readonly T[]) => T,
    never: T,
  ): (node: Node) => T {
    const known = new WeakMap<object, T>();
    const busy = new Set<object>();
    return function fold(given: Node): T {
      const node = resolve(given);
      if (typeof node === 'boolean') return node ? own({}) : never;
      const before = known.get(node);
      if (before !== undefined) return before;
      busy.add(node);
      const each = (nodes: readonly Node[]): readonly T[] => nodes.filter((one) => !busy.has(resolve(one) as object)).map(fold);
      const alternatives = [node.anyOf, node.oneOf].flatMap((nodes) => (nodes ? [any(each(nodes))] : []));
      const said = all([own(node), ...each(node.allOf ?? []), ...alternatives]);
      busy.delete(node);
      known.set(node, said);
      return said;
    };
  }

  const typesOf = folded<readonly string[]>(
    (node) => {
      const said = node.type === undefined ? everyType : ([node.type].flat() as readonly string[]);
      return isListed(node) ? meet(said, [...new Set((node.enum ?? [node.const]).map(typeOf))]) : said;
    },
    (each) => each.reduce(meet),
    (each) => [...new Set(each.flat())],
    [],
  );

  function together(each: readonly Fields[], name: 'allOf' | 'anyOf', isRequired: (field: string) => boolean): Fields {
    const [only] = each;
    if (each.length === 1 && only) return only;
    const properties = new Map<string, Node>();
    for (const field of new Set(each.flatMap((one) => [...one.properties.keys()]))) {
      const nodes = each.flatMap((one) => one.properties.get(field) ?? []);
      properties.set(field, nodes.length === 1 ? (nodes[0] as Node) : { [name]: nodes });
    }
    const required = new Set(each.flatMap((one) => [...one.required]).filter(isRequired));
    return { properties, required, open: each.some(({ open }) => open) };
  }

  const fieldsOf = folded<Fields>(
    ({ properties = {}, required = [], additionalProperties, patternProperties }) => ({
      properties: new Map(Object.entries(properties)),
      required: new Set(required),
      open: (additionalProperties ?? false) !== false || patternProperties !== undefined,
    }),
    (each) =>
      together(
        each.filter((one) => one.properties.size > 0 || one.required.size > 0 || one.open),
        'allOf',
        () => true,
      ),
    (each) => together(each, 'anyOf', (field) => each.every((one) => one.required.has(field))),
    nothing,
  );

  const entriesOf = folded<readonly string[]>(
    ({ prefixItems = [], items = true }) => [...new Set([...prefixItems, items].flatMap((node) => typesOf(node)))],
    (each) => each.reduce(meet),
    (each) => [...new Set(each.flat())],
    [],
  );

  const leastOf = folded<number>(
    ({ minItems = 0 }) => minItems,
    (each) => Math.max(...each),
    (each) => Math.min(...each),
    0,
  );

  function without(given: Node, fields: ReadonlySet<string>, within: readonly Node[] = []): Node {
    const node = resolve(given);
    // What comes back to itself before it names a field says nothing of any.
    if (typeof node === 'boolean' || within.includes(node)) return node !== false;
    const each = (nodes: readonly Node[]): readonly Node[] => nodes.map((one) => without(one, fields, [...within, node]));
    const { properties, required, anyOf, oneOf, allOf, ...rest } = node;
    const needed = required?.filter((field) => !fields.has(field)) ?? [];
    return {
      ...rest,
      ...(properties && { properties: Object.fromEntries(Object.entries(properties).filter(([field]) => !fields.has(field))) }),
      ...(needed.length > 0 && { required: needed }),
      ...(anyOf && { anyOf: each(anyOf) }),
      ...(oneOf && { oneOf: each(oneOf) }),
      ...(allOf && { allOf: each(allOf) }),
    };
  }

  const leastEntries = (node: Node): number => (typesOf(node).includes('array') ? leastOf(node) : 1);

  return { typesOf, fieldsOf, entriesOf, leastEntries, without: (node, fields) => without(node, fields) };
}
