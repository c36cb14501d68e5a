import type { Keywords, Node } from '../contract/json-schema.ts';
import { isNever, unnamed } from './keywords.ts';
import type { Misfit } from './misfit.ts';
import type { Pair } from './pair.ts';

/** Compares what is at one path. */
type Fits = (reader: Node, writer: Node, path: string) => readonly Misfit[];

/** Whether every field that `w` may write is accepted by `r`, and none is missing. */
export function fields(r: Keywords, w: Keywords, path: string, { readerOf, writerOf, derive }: Pair, fits: Fits): readonly Misfit[] {
  const found: Misfit[] = [];
  for (const name of r.required ?? []) {
    if (w.required?.includes(name)) continue;
    found.push({ path: `${path}.${name}`, rule: 'required', verdict: 'breaking', needs: 'must be there', may: 'may be missing' });
  }
  const open = unnamed(w);
  for (const name of new Set([...Object.keys(w.properties ?? {}), ...Object.keys(r.properties ?? {})])) {
    const written = w.properties?.[name] ?? open;
    const read = r.properties?.[name] ?? r.additionalProperties ?? true;
    if (isNever(writerOf(written))) continue;
    if (isNever(readerOf(read)))
      found.push({
        path: `${path}.${name}`,
        rule: 'unknown field',
        verdict: 'breaking',
        needs: 'must not be there',
        may: 'may be there',
      });
    else found.push(...fits(read, written, `${path}.${name}`));
  }
  if (!isNever(writerOf(open))) found.push(...fits(r.additionalProperties ?? true, open, `${path}.*`));
  if (r.propertyNames === undefined) return found;
  const anyName = { type: 'string' };
  for (const name of Object.keys(w.properties ?? {}))
    found.push(
      ...fits(
        r.propertyNames,
        derive(w, `name ${name}`, () => ({ const: name })),
        `${path}.${name}`,
      ),
    );
  if (!isNever(writerOf(open))) found.push(...fits(r.propertyNames, w.propertyNames ?? anyName, `${path}.*`));
  return found;
}

/** Whether every entry that `w` may write is accepted by `r` in its place. */
export function entries(r: Keywords, w: Keywords, path: string, { writerOf }: Pair, fits: Fits): readonly Misfit[] {
  const found: Misfit[] = [];
  const [read = [], written = []] = [r.prefixItems, w.prefixItems];
  const most = w.maxItems ?? Number.POSITIVE_INFINITY;
  for (let index = 0; index < Math.min(most, Math.max(read.length, written.length)); index++) {
    const one = written[index] ?? w.items ?? true;
    if (!isNever(writerOf(one))) found.push(...fits(read[index] ?? r.items ?? true, one, `${path}[${index}]`));
  }
  if (most <= written.length || isNever(writerOf(w.items ?? true))) return found;
  found.push(...fits(r.items ?? true, w.items ?? true, `${path}[]`));
  return found;
}
