const soon = 3;
const longestMs = 60_000;

/**
 * How long what was taken over from workers that are gone, so many times in a row and without anything coming of it, is put off:
 * it may be what ends them. At first not at all, then ever longer, up to a minute, so that the others get on meanwhile.
 */
export const putOffMs = (takeovers: number, chance: number): number =>
  takeovers < soon ? 0 : Math.min(longestMs, 1000 * 2 ** Math.min(takeovers - 1, 10)) * (0.5 + chance / 2);
