/**
 * The places around each durable write where a crash is of interest, in the order of an event's life.
 * A test kills the process at each in turn. `before` a commit nothing must have happened; `after` it, everything.
 */
export const crashPoints = [
  'store/commit/before',
  'store/commit/after',
  'external/do/before',
  'external/do/after',
] as const;

export type CrashPoint = (typeof crashPoints)[number];
