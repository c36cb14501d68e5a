/**
 * The crash points: one before and one after each durable write, in the order of an event's life. A test kills the process at each of
 * them. At `before` a commit nothing must have happened; at `after` everything.
 */
export const crashPoints = [
  'store/commit/before',
  'store/commit/after',
  'store/flush/after',
  'bus/append/before',
  'bus/append/after',
  'bus/progress/before',
  'bus/progress/after',
  'saga/start/before',
  'saga/advance/before',
  'saga/advance/after',
  'external/do/before',
  'external/do/after',
  'outbox/append/before',
  'outbox/append/after',
  'relay/publish/before',
  'relay/publish/after',
  'relay/delete/before',
  'relay/delete/after',
  'inbox/handle/before',
  'inbox/handle/after',
  'inbox/park/before',
  'inbox/park/after',
  'inbox/claim/before',
  'inbox/claim/after',
  'inbox/retry/before',
  'inbox/retry/after',
  'inbox/dead-letter/before',
  'inbox/dead-letter/after',
  'inbox/redrive/before',
  'inbox/redrive/after',
] as const;

export type CrashPoint = (typeof crashPoints)[number];
