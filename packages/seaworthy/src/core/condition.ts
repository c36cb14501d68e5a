/** How a part of a process stands, as far as it has seen itself. */
export interface Condition {
  /** `failing` may pass by itself, and readiness waits for that; `broken` ends only with the process, and liveness says so. */
  readonly state: 'well' | 'failing' | 'broken';
  /** What is wrong, for people and without values. */
  readonly why?: string;
}

/** Nothing is wrong. */
export const well: Condition = { state: 'well' };

const ranks = ['well', 'failing', 'broken'] as const;

/** Returns the worst of several conditions, and the first of equals; `well` of none. */
export const worst = (conditions: readonly Condition[]): Condition =>
  conditions.reduce((most, one) => (ranks.indexOf(one.state) > ranks.indexOf(most.state) ? one : most), well);
