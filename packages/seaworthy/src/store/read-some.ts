import type { Read, Row, Value } from './statements.ts';

/** The most that is read at one time, in rows and in bytes. */
export interface Most {
  readonly rows: number;
  readonly bytes: number;
}

/** A part of an answer, and whether there may be more of it. */
export interface Some<R = Row> {
  readonly rows: readonly R[];
  readonly more: boolean;
}

export interface Selection {
  readonly columns: string;
  /** An expression for the size of a row in bytes. */
  readonly size: string;
  /** The text after `from`: the table, its conditions and its order. */
  readonly from: string;
  readonly values: readonly Value[];
}

/**
 * Reads the first rows of a selection, as many as are allowed by number and by size, and at least one. Every table whose rows may have
 * any size is read through this function: a batch of small rows must be large, and one of large rows must fit into memory.
 */
export async function readSome(read: Read, { columns, size, from, values }: Selection, { rows: most, bytes }: Most): Promise<Some> {
  const sizes = await read.all(`select ${size} as size from ${from} limit ?`, ...values, most);
  let count = 0;
  for (let total = 0; count < sizes.length; count++) {
    total += Number(sizes[count]?.['size'] ?? 0);
    if (count > 0 && total > bytes) break;
  }
  if (count === 0) return { rows: [], more: false };
  const rows = await read.all(`select ${columns} from ${from} limit ?`, ...values, count);
  return { rows, more: count < sizes.length || sizes.length === most };
}
