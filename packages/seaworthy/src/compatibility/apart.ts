import { isOf, type Node } from '../contract/json-schema.ts';
import { admits } from './admits.ts';
import { isNever, listed, typesIn } from './keywords.ts';
import type { Pair } from './pair.ts';
import { ways } from './ways.ts';

/** No value is of both. */
export function apart(reader: Node, writer: Node, pair: Pair, depth = 0): boolean {
  const { readerOf, writerOf, derive } = pair;
  const r = readerOf(reader);
  const w = writerOf(writer);
  if (isNever(r) || isNever(w)) return true;
  if (typeof r === 'boolean' || typeof w === 'boolean' || depth > 8) return false;
  const alternatives = r.anyOf ?? r.oneOf;
  if (alternatives?.every((one) => apart(one, w, pair, depth + 1))) return true;
  if (ways(w, derive)?.every((one) => apart(r, one, pair, depth + 1))) return true;
  const values = listed(w);
  if (values?.every((value) => admits(r, value, readerOf) === false)) return true;
  const own = listed(r);
  if (own?.every((value) => admits(w, value, writerOf) === false)) return true;
  const types = typesIn(w);
  if (!types.some((type) => isOf(type, typesIn(r)) || (type === 'number' && typesIn(r).includes('integer')))) return true;
  if (types.join() !== 'object') return false;
  return Object.entries(r.properties ?? {}).some(([name, one]) => {
    const other = w.properties?.[name];
    const certain = r.required?.includes(name) || w.required?.includes(name);
    return certain && other !== undefined && apart(one, other, pair, depth + 1);
  });
}
