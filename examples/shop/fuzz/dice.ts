import { seededRandom } from 'seaworthy/testing';

/** Randomness that a seed determines. */
export interface Dice {
  /** Returns a whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  pick<T>(of: readonly T[]): T;
  chance(share: number): boolean;
}

/** Makes the dice of one request, which its seed and its number determine, independent of other requests. */
export function diceOf(seed: number, index: number): Dice {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  const whole = (low: number, high: number): number => low + Math.floor(random.next() * (high - low + 1));
  return {
    whole,
    pick: <T>(of: readonly T[]): T => of[whole(0, of.length - 1)] as T,
    chance: (share) => random.next() < share,
  };
}
