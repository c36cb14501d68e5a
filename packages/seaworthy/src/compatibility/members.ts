import type { Keywords, Node } from '../contract/json-schema.ts';
import { isNever, unnamed } from './keywords.ts';
import type { Mismatch } from './mismatch.ts';
import type { Pair } from './pair.ts';

/** Two schemas that remain to be compared, at `path` below the pair that contains them. */
export interface Comparison {
  readonly reader: Node;
  readonly writer: Node;
  readonly path: string;
  /** Whether `writer` is wider than the schema for which it stands, so that a mismatch is not certain. */
  readonly doubtful?: boolean;
}

/** The mismatches between two schemas themselves, and the further comparisons on which acceptance depends. */
export interface Demands {
  readonly mismatches: readonly Mismatch[];
  readonly comparisons: readonly Comparison[];
}

/** Compares the fields: `r` must accept every field that `w` may write, and `w` must write every field that `r` requires. */
export function fields(r: Keywords, w: Keywords, { readerOf, writerOf, derive }: Pair): Demands {
  const mismatches: Mismatch[] = [];
  const comparisons: Comparison[] = [];
  for (const name of r.required ?? []) {
    if (w.required?.includes(name)) continue;
    mismatches.push({ path: `.${name}`, rule: 'required', severity: 'breaking', needs: 'must be there', may: 'may be missing' });
  }
  const open = unnamed(w);
  for (const name of new Set([...Object.keys(w.properties ?? {}), ...Object.keys(r.properties ?? {})])) {
    const writer = w.properties?.[name] ?? open;
    const reader = r.properties?.[name] ?? r.additionalProperties ?? true;
    if (isNever(writer, writerOf)) continue;
    if (!isNever(reader, readerOf)) comparisons.push({ reader, writer, path: `.${name}` });
    else
      mismatches.push({ path: `.${name}`, rule: 'unknown field', severity: 'breaking', needs: 'must not be there', may: 'may be there' });
  }
  const writesOthers = !isNever(open, writerOf);
  if (writesOthers) comparisons.push({ reader: r.additionalProperties ?? true, writer: open, path: '.*' });
  if (r.propertyNames === undefined) return { mismatches, comparisons };
  const reader = r.propertyNames;
  for (const name of Object.keys(w.properties ?? {}))
    comparisons.push({ reader, writer: derive(w, `name ${name}`, () => ({ const: name })), path: `.${name}` });
  if (writesOthers) comparisons.push({ reader, writer: w.propertyNames ?? derive(w, 'any name', () => ({ type: 'string' })), path: '.*' });
  return { mismatches, comparisons };
}

/** Compares the entries of lists: `r` must accept every entry that `w` may write at the same index. */
export function entries(r: Keywords, w: Keywords, { writerOf }: Pair): readonly Comparison[] {
  const comparisons: Comparison[] = [];
  const [read = [], written = []] = [r.prefixItems, w.prefixItems];
  const most = w.maxItems ?? Number.POSITIVE_INFINITY;
  for (let index = 0; index < Math.min(most, Math.max(read.length, written.length)); index++) {
    const writer = written[index] ?? w.items ?? true;
    if (!isNever(writer, writerOf)) comparisons.push({ reader: read[index] ?? r.items ?? true, writer, path: `[${index}]` });
  }
  if (most > written.length && !isNever(w.items ?? true, writerOf))
    comparisons.push({ reader: r.items ?? true, writer: w.items ?? true, path: '[]' });
  return comparisons;
}
