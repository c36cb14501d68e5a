/** The condition of a part of a process, as far as the process knows it. */
export interface Condition {
  /** `failing` may pass by itself and makes the process unready; `broken` lasts until a restart and makes it not live. */
  readonly state: 'well' | 'failing' | 'broken';
  /** What is wrong, as a text without values. */
  readonly why?: string;
}

/** Nothing is wrong. */
export const well: Condition = { state: 'well' };

const ranks = ['well', 'failing', 'broken'] as const;

/** Returns the worst of several conditions, and the first of equal ones; `well` for none. */
export const worst = (conditions: readonly Condition[]): Condition =>
  conditions.reduce((most, one) => (ranks.indexOf(one.state) > ranks.indexOf(most.state) ? one : most), well);
