import { isOf, type Node } from '../contract/json-schema.ts';
import { admits } from './admits.ts';
import { isNever, listed, typesIn } from './keywords.ts';
import type { Pair } from './pair.ts';
import { pairs } from './pairs.ts';
import { ways } from './ways.ts';

/** Tells whether no value is of both. What comes back to itself is taken for one that may overlap. */
export function apartOf({ readerOf, writerOf, derive, step }: Pair): (reader: Node, writer: Node) => boolean {
  const [known, yes] = [pairs(), pairs()];

  function judge(r: Exclude<Node, boolean>, w: Exclude<Node, boolean>): boolean {
    const alternatives = r.anyOf ?? r.oneOf;
    if (alternatives?.every((one) => apart(one, w))) return true;
    if (ways(w, derive)?.every((one) => apart(r, one))) return true;
    if (r.allOf?.some((one) => apart(one, w)) || w.allOf?.some((one) => apart(r, one))) return true;
    const values = listed(w);
    if (values?.every((value) => admits(r, value, readerOf, step) === false)) return true;
    const own = listed(r);
    if (own?.every((value) => admits(w, value, writerOf, step) === false)) return true;
    const types = typesIn(w);
    if (!types.some((type) => isOf(type, typesIn(r)) || (type === 'number' && typesIn(r).includes('integer')))) return true;
    if (types.join() !== 'object') return false;
    return Object.entries(r.properties ?? {}).some(([name, one]) => {
      const other = w.properties?.[name];
      const certain = r.required?.includes(name) || w.required?.includes(name);
      return certain && other !== undefined && apart(one, other);
    });
  }

  function apart(reader: Node, writer: Node): boolean {
    const [r, w] = [readerOf(reader), writerOf(writer)];
    if (isNever(r, readerOf) || isNever(w, writerOf)) return true;
    if (typeof r === 'boolean' || typeof w === 'boolean') return false;
    if (known.has(r, w)) return yes.has(r, w);
    known.add(r, w);
    step();
    const result = judge(r, w);
    if (result) yes.add(r, w);
    return result;
  }
  return apart;
}
