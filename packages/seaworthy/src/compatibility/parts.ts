import type { Keywords, Node } from '../contract/json-schema.ts';
import { isNever, unnamed } from './keywords.ts';
import type { Misfit } from './misfit.ts';
import type { Pair } from './pair.ts';

/** What is to be compared next, at this path below. */
export interface Part {
  readonly reader: Node;
  readonly writer: Node;
  readonly path: string;
  /** The writer is taken for more than it is, so that nothing found is certain. */
  readonly doubtful?: boolean;
}

/** What was found of two schemas by themselves, and what else must hold for one to accept the other. */
export interface Demands {
  readonly found: readonly Misfit[];
  readonly parts: readonly Part[];
}

/** Whether every field that `w` may write is accepted by `r`, and none is missing. */
export function fields(r: Keywords, w: Keywords, { readerOf, writerOf, derive }: Pair): Demands {
  const found: Misfit[] = [];
  const parts: Part[] = [];
  for (const name of r.required ?? []) {
    if (w.required?.includes(name)) continue;
    found.push({ path: `.${name}`, rule: 'required', verdict: 'breaking', needs: 'must be there', may: 'may be missing' });
  }
  const open = unnamed(w);
  for (const name of new Set([...Object.keys(w.properties ?? {}), ...Object.keys(r.properties ?? {})])) {
    const writer = w.properties?.[name] ?? open;
    const reader = r.properties?.[name] ?? r.additionalProperties ?? true;
    if (isNever(writer, writerOf)) continue;
    if (!isNever(reader, readerOf)) parts.push({ reader, writer, path: `.${name}` });
    else found.push({ path: `.${name}`, rule: 'unknown field', verdict: 'breaking', needs: 'must not be there', may: 'may be there' });
  }
  const openly = !isNever(open, writerOf);
  if (openly) parts.push({ reader: r.additionalProperties ?? true, writer: open, path: '.*' });
  if (r.propertyNames === undefined) return { found, parts };
  const reader = r.propertyNames;
  for (const name of Object.keys(w.properties ?? {}))
    parts.push({ reader, writer: derive(w, `name ${name}`, () => ({ const: name })), path: `.${name}` });
  if (openly) parts.push({ reader, writer: w.propertyNames ?? derive(w, 'any name', () => ({ type: 'string' })), path: '.*' });
  return { found, parts };
}

/** Whether every entry that `w` may write is accepted by `r` in its place. */
export function entries(r: Keywords, w: Keywords, { writerOf }: Pair): readonly Part[] {
  const parts: Part[] = [];
  const [read = [], written = []] = [r.prefixItems, w.prefixItems];
  const most = w.maxItems ?? Number.POSITIVE_INFINITY;
  for (let index = 0; index < Math.min(most, Math.max(read.length, written.length)); index++) {
    const writer = written[index] ?? w.items ?? true;
    if (!isNever(writer, writerOf)) parts.push({ reader: read[index] ?? r.items ?? true, writer, path: `[${index}]` });
  }
  if (most > written.length && !isNever(w.items ?? true, writerOf))
    parts.push({ reader: r.items ?? true, writer: w.items ?? true, path: '[]' });
  return parts;
}
