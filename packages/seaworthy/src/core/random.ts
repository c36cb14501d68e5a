/** The source of randomness for jitter, sampling and seeded schedules. Do not use it for secrets. */
export interface Random {
  /** Returns a number from 0 up to, but not including, 1. */
  next(): number;
}

/** The machine's randomness. */
export const systemRandom: Random = { next: () => Math.random() };
