/** Where chance comes from: jitter, sampling, seeded schedules. Not for secrets. */
export interface Random {
  /** A number from 0 up to, but not including, 1. */
  next(): number;
}

export const systemRandom: Random = { next: () => Math.random() };
