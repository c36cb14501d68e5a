import type { Random } from '../core/random.ts';
import { seededRandom } from './clock.ts';
import { FaultsInvalid } from './errors.ts';

/** What can go wrong at the ports, and how often it does unless told otherwise. */
export const usualRates = {
  'bus/publish/delayed': 0.05,
  /** Rejects, and nothing was published. */
  'bus/publish/lost': 0.03,
  /** Rejects, and a prefix of the events was published. */
  'bus/publish/torn': 0.03,
  /** Rejects, and all was published. */
  'bus/publish/unconfirmed': 0.03,
  /** An event comes late. Others overtake it, but none of its key. */
  'bus/delivery/delayed': 0.05,
  /** An event comes again at once. */
  'bus/delivery/duplicated': 0.05,
  /** An event comes again when later ones of its key have been handled. */
  'bus/delivery/repeated': 0.05,
  /** A later event of its key overtakes it. No driver does this, so never by default. */
  'bus/delivery/overtaken': 0,
  /** A member loses its connection with events in hand, and comes back. */
  'bus/member/lost': 0.01,
  'transport/delayed': 0.05,
  /** The request never arrives. */
  'transport/request/lost': 0.03,
  /** The service did it, and nobody hears of it. */
  'transport/answer/lost': 0.03,
  /** The request arrives twice. */
  'transport/request/duplicated': 0.03,
  'store/slow': 0.02,
  /** A transaction runs again. */
  'store/conflict': 0.03,
  /** It is committed, and the caller is told that nobody knows. */
  'store/commit/unknown': 0.01,
  /** A process stands still, longer than its leases last, and goes on. Only in a storm. */
  'process/stalled': 0.0005,
  /** The date of a process is wrong by up to a second, for all its life. Only in a storm. */
  'process/skewed': 0.2,
} as const;

export type FaultName = keyof typeof usualRates;

/** Decides from its seed what goes wrong, and counts it. */
export interface Faults {
  /** Whether this one strikes now; counted if so. */
  strikes(name: FaultName): boolean;
  /** Some milliseconds of delay: mostly few, seldom up to `longestMs`. */
  delayMs(longestMs?: number): number;
  /** A whole number from 0 up to, but not including, `limit`. */
  below(limit: number): number;
  /** How often each has struck. */
  readonly counts: Readonly<Record<FaultName, number>>;
  /** From now on nothing goes wrong any more. */
  calm(): void;
}

export interface FaultOptions {
  /** A number from which everything follows, or the randomness itself. */
  readonly seed: number | Random;
  /** From 0, never, to 1, always. Default `usualRates`. */
  readonly rates?: Partial<Record<FaultName, number>>;
  /** Called at each fault. */
  readonly struck?: (name: FaultName) => void;
}

/** Faults that their seed determines. Throws `FaultsInvalid`. */
export function seededFaults({ seed, rates = {}, struck = () => {} }: FaultOptions): Faults {
  const random = typeof seed === 'number' ? seededRandom(seed) : seed;
  for (const [name, rate] of Object.entries(rates)) {
    if (!(name in usualRates)) throw new FaultsInvalid(`there is no fault ${name}: use one of ${Object.keys(usualRates).join(', ')}`);
    if (!(rate >= 0 && rate <= 1)) throw new FaultsInvalid(`rate of ${name} must be from 0 to 1, got ${rate}`);
  }
  const chances: Readonly<Record<FaultName, number>> = { ...usualRates, ...rates };
  const counts = Object.fromEntries(Object.keys(usualRates).map((name) => [name, 0])) as Record<FaultName, number>;
  let calm = false;
  return {
    strikes(name) {
      if (calm || chances[name] === 0 || random.next() >= chances[name]) return false;
      counts[name]++;
      struck(name);
      return true;
    },
    delayMs: (longestMs = 3000) => Math.ceil(longestMs ** random.next()),
    below: (limit) => Math.floor(random.next() * limit),
    counts,
    calm() {
      calm = true;
    },
  };
}
