import { type Clock, systemClock } from './clock.ts';
import type { CrashPoint } from './crash.ts';
import { type Ids, systemIds } from './ids.ts';
import { guarded, type Observe, silent } from './observe.ts';
import { type Random, systemRandom } from './random.ts';

/** Everything that code takes from its surroundings. Passed down, never global. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  readonly observe: Observe;
  /** Called at each named crash point; does nothing unless a test replaces it. */
  readonly reached: (point: CrashPoint) => void;
}

/** A runtime of the machine's own clock, randomness and ids, silent, with parts replaced as given. */
export function runtime(parts: Partial<Runtime> = {}): Runtime {
  return Object.freeze({
    clock: parts.clock ?? systemClock,
    random: parts.random ?? systemRandom,
    ids: parts.ids ?? systemIds,
    observe: guarded(parts.observe ?? silent),
    reached: parts.reached ?? (() => {}),
  });
}
