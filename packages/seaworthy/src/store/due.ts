import type { Fragment } from './statements.ts';

/** Returns an SQL condition on the column `due`: the time has come. Use it apart from `isFar`: an index serves each, and not both at once. */
export const isDue = (now: number): Fragment => ({ sql: 'due <= ?', values: [now] });

/**
 * Returns an SQL condition on the column `due`: the time lies further ahead than `longestMs`, the longest wait in that table. Such a time
 * was written by a clock that has been set back since. Its row is due, and does not wait until that clock has caught up.
 */
export const isFar = (now: number, longestMs: number): Fragment => ({ sql: 'due > ?', values: [Math.ceil(now + longestMs)] });

/**
 * Returns the time at which a wait ends, in whole milliseconds, as a column stores it. It is rounded down, so that a timer of the same
 * length never fires before it.
 */
export const dueAt = (at: number): number => Math.floor(at);

/** Returns the milliseconds until a row is due, for a row that also stores when it was written. */
export const waitOf = ({ due, written }: { readonly due: number; readonly written: number }, now: number): number =>
  written > now ? 0 : due - now;
