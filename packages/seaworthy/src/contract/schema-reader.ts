import { everyType, type Keywords, meet, type Node, typeOf } from './json-schema.ts';
import { resolver } from './references.ts';

/** The fields that an object may have. */
export interface Fields {
  readonly properties: ReadonlyMap<string, Node>;
  readonly required: ReadonlySet<string>;
  /** There may be fields that the schema does not name. */
  readonly open: boolean;
}

/** Reads one schema for contract, transports and documents: written by reference, in `allOf` or as alternatives, it has the same meaning. */
export interface SchemaReader {
  /** Returns the types that a value may have: all of them where the schema names none. */
  typesOf(node: Node): readonly string[];
  /** Returns the fields that an object may have. */
  fieldsOf(node: Node): Fields;
  /** Returns the types that the entries of a list may have. */
  entriesOf(node: Node): readonly string[];
  /** Returns how many entries a list has at least; 1 for a value that is not a list. */
  leastEntries(node: Node): number;
  /** Removes fields, which travel elsewhere, from a schema. */
  without(node: Node, fields: ReadonlySet<string>): Node;
}

const nothing: Fields = { properties: new Map(), required: new Set(), open: false };
const isListed = (node: Keywords): boolean => 'const' in node || node.enum !== undefined;

export function schemaReader(root: Node): SchemaReader {
  const resolve = resolver(root);

  /** Combines what `own` reads of a node with what is read of its `allOf` and alternatives. A node in progress is passed over. */
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
    // A recursive schema that comes back to itself before it names a field does not describe any.
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
