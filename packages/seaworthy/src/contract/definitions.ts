import { equivalent, type RootedNode } from './equivalent.ts';
import type { Keywords } from './json-schema.ts';

/** A schema of a contract, and its place there. */
export interface Position {
  readonly place: string;
  readonly side: 'input' | 'output';
  readonly schema: Keywords;
}

/** Tells whether the author named a definition; a vendor's numbering (`__schema0`, `1`) has no meaning outside its schema. */
export const isNamed = (definition: string): boolean => !/^(?:__|\d+$)/.test(definition);

/** A name that two different schemas have, so that it is ambiguous. */
export interface Clash {
  readonly name: string;
  readonly place: string;
  readonly other: string;
}

/** Finds names that several positions give to different schemas. Input and output of one schema may differ. */
export function clashes(positions: readonly Position[]): readonly Clash[] {
  const known = new Map<string, RootedNode & { readonly place: string }>();
  const found = new Map<string, Clash>();
  for (const { place, side, schema } of positions) {
    for (const [name, node] of Object.entries(schema.$defs ?? {})) {
      if (!isNamed(name)) continue;
      const first = known.get(`${side} ${name}`);
      const here = { node, root: schema, place };
      if (!first) known.set(`${side} ${name}`, here);
      else if (!equivalent(first, here)) found.set(`${place} ${name}`, { name, place, other: first.place });
    }
  }
  return [...found.values()];
}
