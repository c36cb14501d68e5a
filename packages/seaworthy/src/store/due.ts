/**
 * An SQL condition on the column `due`: its time has come, or lies further ahead than `longestMs`, the longest that anybody ever
 * waits there. Then a clock wrote it that has been set back since, and nothing waits until it has caught up.
 */
export const isDue = (now: number, longestMs: number): { readonly sql: string; readonly values: readonly [number, number] } => ({
  sql: '(due <= ? or due > ?)',
  values: [now, Math.ceil(now + longestMs)],
});

/**
 * The time at which a wait ends, in the whole milliseconds that a column keeps. It is rounded down, so that a timer of the same length
 * never fires before it.
 */
export const dueAt = (at: number): number => Math.floor(at);

/** The same for a row that says when it was written: milliseconds that are left until its time has come. */
export const waitOf = ({ due, written }: { readonly due: number; readonly written: number }, now: number): number =>
  written > now ? 0 : due - now;
