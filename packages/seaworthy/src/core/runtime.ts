import { type Clock, systemClock } from './clock.ts';
import type { CrashPoint } from './crash.ts';
import { type Ids, seededIds, systemIds } from './ids.ts';
import { guarded, type Observe, silent } from './observe.ts';
import { type Random, systemRandom } from './random.ts';

/** Everything that code takes from its surroundings. Passed down, never global. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  readonly observe: Observe;
  /** Keys that baggage from other services may have: what has another is dropped. Default none. */
  readonly baggage: readonly string[];
  /** Called at each named crash point; does nothing unless a test replaces it. */
  readonly reached: (point: CrashPoint) => void;
}

/** A runtime of the machine's own clock, randomness and ids, silent, with parts replaced as given. Ids follow from a given clock or randomness. */
export function runtime(parts: Partial<Runtime> = {}): Runtime {
  const { clock = systemClock, random = systemRandom } = parts;
  const ids = parts.clock || parts.random ? seededIds(clock, random) : systemIds;
  return Object.freeze({
    clock,
    random,
    ids: parts.ids ?? ids,
    observe: guarded(parts.observe ?? silent),
    baggage: parts.baggage ?? [],
    reached: parts.reached ?? (() => {}),
  });
}
