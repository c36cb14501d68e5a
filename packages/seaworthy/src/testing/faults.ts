import { checkOptions, type OptionNames } from '../core/options.ts';
import type { Random } from '../core/random.ts';
import { seededRandom } from './clock.ts';
import { FaultsInvalid } from './errors.ts';

/** The faults at the ports, with their default rates. */
export const usualRates = {
  /** A publish takes longer. */
  'bus/publish/delayed': 0.05,
  /** A publish rejects, and nothing was published. */
  'bus/publish/lost': 0.03,
  /** A publish rejects, and a prefix of the events was published. */
  'bus/publish/torn': 0.03,
  /** A publish rejects, and all events were published. */
  'bus/publish/unconfirmed': 0.03,
  /** An event is delivered late. Events of other keys overtake it. */
  'bus/delivery/delayed': 0.05,
  /** An event is delivered again at once. */
  'bus/delivery/duplicated': 0.05,
  /** An event is delivered again after later events of its key. */
  'bus/delivery/repeated': 0.05,
  /** A later event of the same key overtakes an event. No driver does this, so the default is 0. */
  'bus/delivery/overtaken': 0,
  /** A member loses its connection with events in flight, and reconnects. */
  'bus/member/lost': 0.01,
  /** A request takes longer. */
  'transport/delayed': 0.05,
  /** A request never arrives. */
  'transport/request/lost': 0.03,
  /** The service did the work, and its answer is lost. */
  'transport/answer/lost': 0.03,
  /** A request arrives twice. */
  'transport/request/duplicated': 0.03,
  /** A transaction takes longer. */
  'store/slow': 0.02,
  /** A transaction runs again. */
  'store/conflict': 0.03,
  /** A transaction commits, and its caller gets `CommitUnknown`. */
  'store/commit/unknown': 0.01,
  /** A process stalls longer than its leases last, and then continues. Only in a storm. */
  'process/stalled': 0.0005,
  /** The date of a process is wrong by up to a second for its whole life. Only in a storm. */
  'process/skewed': 0.2,
} as const;

export type FaultName = keyof typeof usualRates;

/** Decides by its seed which faults strike, and counts them. */
export interface Faults {
  /** Decides whether a fault strikes now, and counts it if so. */
  strikes(name: FaultName): boolean;
  /** Returns a delay in milliseconds, mostly short, seldom up to `longestMs`. Default 3000. */
  delayMs(longestMs?: number): number;
  /** Returns a whole number from 0 up to, but not including, `limit`. */
  below(limit: number): number;
  /** The number of times that each fault has struck. */
  readonly counts: Readonly<Record<FaultName, number>>;
  /** Ends all faults. */
  calm(): void;
}

/** The options of faults. */
export interface FaultOptions {
  /** The seed that determines all faults, or the randomness itself. */
  readonly seed: number | Random;
  /** The rates of faults, from 0 (never) to 1 (always). Default `usualRates`. */
  readonly rates?: Partial<Record<FaultName, number>>;
  /** Gets the name of each fault that strikes. Default none. */
  readonly struck?: (name: FaultName) => void;
}

const names: OptionNames<FaultOptions> = { seed: true, rates: true, struck: true };

/** Makes faults that their seed determines. Throws `FaultsInvalid`. */
export function seededFaults(options: FaultOptions): Faults {
  checkOptions('seededFaults', options, names);
  const { seed, rates = {}, struck = () => {} } = options;
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
