import { isOf, type Node } from '../contract/json-schema.ts';
import { acceptsValue } from './accepts-value.ts';
import { alternativesOf } from './alternatives.ts';
import { isNever, listed, typesIn } from './keywords.ts';
import type { Pair } from './pair.ts';
import { pairSet } from './pair-set.ts';

/** Returns a test of whether two schemas have no value in common. Two recursive schemas that come back to themselves are taken to overlap. */
export function disjointOf({ readerOf, writerOf, derive, step }: Pair): (reader: Node, writer: Node) => boolean {
  const [visited, separate] = [pairSet(), pairSet()];

  function compare(r: Exclude<Node, boolean>, w: Exclude<Node, boolean>): boolean {
    const alternatives = r.anyOf ?? r.oneOf;
    if (alternatives?.every((one) => disjoint(one, w))) return true;
    if (alternativesOf(w, derive)?.every((one) => disjoint(r, one))) return true;
    if (r.allOf?.some((one) => disjoint(one, w)) || w.allOf?.some((one) => disjoint(r, one))) return true;
    const values = listed(w);
    if (values?.every((value) => acceptsValue(r, value, readerOf, step) === false)) return true;
    const accepted = listed(r);
    if (accepted?.every((value) => acceptsValue(w, value, writerOf, step) === false)) return true;
    const types = typesIn(w);
    if (!types.some((type) => isOf(type, typesIn(r)) || (type === 'number' && typesIn(r).includes('integer')))) return true;
    if (types.join() !== 'object') return false;
    return Object.entries(r.properties ?? {}).some(([name, one]) => {
      const other = w.properties?.[name];
      const certain = r.required?.includes(name) || w.required?.includes(name);
      return certain && other !== undefined && disjoint(one, other);
    });
  }

  function disjoint(reader: Node, writer: Node): boolean {
    const [r, w] = [readerOf(reader), writerOf(writer)];
    if (isNever(r, readerOf) || isNever(w, writerOf)) return true;
    if (typeof r === 'boolean' || typeof w === 'boolean') return false;
    if (visited.has(r, w)) return separate.has(r, w);
    visited.add(r, w);
    step();
    const result = compare(r, w);
    if (result) separate.add(r, w);
    return result;
  }
  return disjoint;
}
