import type { Read, Values } from './statements.ts';

/** Counts the rows of `from`, a table with its conditions, up to `most`: a count of more rows would take longer than anybody waits for it. */
export async function countUpTo(read: Read, most: number, from: string, ...values: Values): Promise<number> {
  const [row] = await read.all(`select count(*) as n from (select 1 as one from ${from} limit ?) as counted`, ...values, most);
  return Number(row?.['n'] ?? 0);
}

/** The most that the gauges of the toolkit count. */
export const mostCounted = 10_000;
