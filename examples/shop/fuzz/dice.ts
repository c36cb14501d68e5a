import { seededRandom } from 'seaworthy/testing';

/** Chance that a seed determines. */
export interface Dice {
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  pick<T>(of: readonly T[]): T;
  chance(share: number): boolean;
}

/** The dice of one request of a run: the same for the same two numbers, whatever was thrown before. */
export function diceOf(seed: number, index: number): Dice {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  const whole = (low: number, high: number): number => low + Math.floor(random.next() * (high - low + 1));
  return {
    whole,
    pick: <T>(of: readonly T[]): T => of[whole(0, of.length - 1)] as T,
    chance: (share) => random.next() < share,
  };
}
