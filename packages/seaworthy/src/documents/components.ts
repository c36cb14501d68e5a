import { isNamed } from '../contract/definitions.ts';
import { isObject, pointed } from '../contract/json.ts';
import { type Keywords, mapParts, mapRefs } from '../contract/json-schema.ts';
import { resolver } from '../contract/references.ts';
import type { Doc } from './document.ts';
import { pascal } from './names.ts';

/** The schemas of one document, each under its own name. */
export interface Components {
  /** Moves a schema to the components and returns the reference to it. Equal schemas are stored once. `whole` is the root of its references. */
  place(name: string, schema: object, side: Side, whole?: object): Doc;
  /** Adds a schema of the document itself, whose references are final. */
  add(name: string, schema: Doc, side: Side): Doc;
  /** Returns a schema for inline use, with the schemas that it refers to moved to the components. */
  inline(name: string, schema: object, side: Side, whole: object): Doc;
  /** Returns all components by name. */
  schemas(): Doc;
}
export type Side = 'Input' | 'Output';

interface World {
  readonly name: string;
  readonly side: Side;
  readonly root: Doc;
  readonly defs: Doc;
  /** The names of its definitions in the document, as far as they were placed. */
  readonly called: Map<string | undefined, string>;
}

/** Parses a reference within a schema: to one of its definitions or to itself, with the `rest` of the path. */
function target(ref: string): { readonly def: string | undefined; readonly rest: string } | undefined {
  const [, def, rest = ''] = /^#(?:\/\$defs\/([^/]+))?(\/.*)?$/.exec(ref) ?? ['', undefined, undefined];
  if (!ref.startsWith('#')) return undefined;
  return { def: def === undefined ? undefined : pointed(def), rest };
}

/** Removes examples and defaults from the secret parts of a schema. */
function discreet(schema: Doc, { root, defs }: World): Doc {
  const resolve = resolver({ ...root, $defs: defs } as Keywords);
  const visit = (node: unknown, within: boolean): unknown => {
    if (!isObject(node)) return node;
    const meant = resolve(node as Keywords);
    const secret = within || node['secret'] === true || (isObject(meant) && meant['secret'] === true);
    const parts = mapParts(node, (part) => visit(part, secret));
    if (!secret) return parts;
    const { default: _, examples: __, example: ___, ...rest } = parts;
    return rest;
  };
  return visit(schema, false) as Doc;
}

/** Returns a text that two schemas share if they have the same meaning. */
function meaning(own: Doc, { root, defs }: World): string {
  const reached = new Map<string, unknown>();
  const visit = (schema: unknown): void =>
    void mapRefs(schema, (ref) => {
      const { def } = target(ref) ?? { def: ref };
      const key = def ?? '#';
      if (!reached.has(key)) {
        const next = def === undefined ? root : defs[def];
        reached.set(key, next);
        visit(next);
      }
      return ref;
    });
  visit(own);
  return JSON.stringify([own, [...reached].sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/**
 * Makes the components of a document. `reserved` are schemas of the document itself; `wrap` and `path` are for formats that nest a
 * schema. A schema that its author named keeps that name, with its side as a suffix if the two sides differ.
 */
export function components(
  reserved: Doc = {},
  { wrap, path }: { readonly wrap: (schema: Doc) => Doc; readonly path: string } = { wrap: (schema) => schema, path: '' },
): Components {
  const taken = new Map<string, Doc | undefined>(Object.entries(reserved) as [string, Doc][]);
  const names = new Map<string, string>();
  const worlds = new WeakMap<object, Map<string, World>>();

  function free(name: string, side: Side): string {
    if (!taken.has(name)) return name;
    const sided = name.endsWith(side) ? name : `${name}${side}`;
    if (!taken.has(sided)) return sided;
    let next = 2;
    while (taken.has(`${sided}${next}`)) next++;
    return `${sided}${next}`;
  }

  function claim(wanted: string, given: string | undefined, own: Doc, world: World, def?: string): string {
    const identity = `${given ?? ''} ${meaning(own, world)}`;
    const known = names.get(identity);
    const name = known ?? free(wanted, world.side);
    if (own === world.root || def !== undefined) world.called.set(def, name);
    if (known !== undefined) return known;
    names.set(identity, name);
    taken.set(name, undefined); // reserves the name before the schemas that it refers to get theirs
    taken.set(name, rewritten(own, world));
    return name;
  }

  function refTo(ref: string, world: World): string {
    const to = target(ref);
    if (!to) return ref;
    const { def, rest } = to;
    const known = world.called.get(def);
    if (known !== undefined) return `#/components/schemas/${known}${path}${rest}`;
    const own = def === undefined ? world.root : (world.defs[def] as Doc);
    // The numbering of a vendor (`__schema0`) has no meaning outside its schema.
    const given = def !== undefined && isNamed(def) ? def : undefined;
    const wanted = def === undefined ? world.name : given === undefined ? `${world.name}${pascal(def)}` : def.replaceAll(/[^\w.-]/g, '_');
    return `#/components/schemas/${claim(wanted, given, own, world, def)}${path}${rest}`;
  }

  const rewritten = (own: Doc, world: World): Doc => mapRefs(discreet(own, world), (ref) => refTo(ref, world)) as Doc;

  function worldOf(name: string, side: Side, schema: object, whole: object): readonly [Doc, World] {
    const { $schema: _, $id: __, $defs: ___, ...own } = schema as Doc;
    const { $schema: ____, $id: _____, $defs, ...root } = whole as Doc;
    const known = worlds.get(whole) ?? new Map<string, World>();
    worlds.set(whole, known);
    const world = known.get(`${side} ${name}`) ?? { name, side, root, defs: isObject($defs) ? $defs : {}, called: new Map() };
    known.set(`${side} ${name}`, world);
    return [own, world];
  }

  const reference = (name: string): Doc => ({ $ref: `#/components/schemas/${name}${path}` });

  return {
    add(name, schema, side) {
      const identity = `own ${JSON.stringify(schema)}`;
      const known = names.get(identity) ?? free(name, side);
      names.set(identity, known);
      taken.set(known, schema);
      return reference(known);
    },
    place(name, schema, side, whole = schema) {
      const [own, world] = worldOf(name, side, schema, whole);
      const { $ref, ...rest } = own;
      if (typeof $ref === 'string' && Object.keys(rest).length === 0) return { $ref: refTo($ref, world) };
      return reference(claim(name, undefined, own, world));
    },
    inline(name, schema, side, whole) {
      const [own, world] = worldOf(name, side, schema, whole);
      return rewritten(own, world);
    },
    schemas: () => Object.fromEntries([...taken].map(([name, schema]) => [name, wrap(schema as Doc)])),
  };
}
