/**
 * Returns an SQL condition on the column `due`: the time has come, or lies further ahead than `longestMs`, the longest wait in that
 * table. Such a time was written by a clock that has been set back since, and no row waits until that clock has caught up.
 */
export const isDue = (now: number, longestMs: number): { readonly sql: string; readonly values: readonly [number, number] } => ({
  sql: '(due <= ? or due > ?)',
  values: [now, Math.ceil(now + longestMs)],
});

/**
 * Returns the time at which a wait ends, in whole milliseconds, as a column stores it. It is rounded down, so that a timer of the same
 * length never fires before it.
 */
export const dueAt = (at: number): number => Math.floor(at);

/** Returns the milliseconds until a row is due, for a row that also stores when it was written. */
export const waitOf = ({ due, written }: { readonly due: number; readonly written: number }, now: number): number =>
  written > now ? 0 : due - now;
