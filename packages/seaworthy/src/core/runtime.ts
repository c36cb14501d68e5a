import { type Clock, systemClock } from './clock.ts';
import type { CrashPoint } from './crash.ts';
import { type Ids, seededIds, systemIds } from './ids.ts';
import { guarded, type Observe, silent } from './observe.ts';
import { checkOptions } from './options.ts';
import { type Random, systemRandom } from './random.ts';

/** Everything that code takes from its environment. It is passed down and never global. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  readonly observe: Observe;
  /** The keys of baggage that are accepted from other services; other entries are dropped. Default none. */
  readonly baggage: readonly string[];
  /** Called at each named crash point; does nothing unless a test replaces it. */
  readonly reached: (point: CrashPoint) => void;
}

/** Makes a runtime. Default the machine's clock, randomness and ids, without reports. A given clock or randomness also determines the ids. */
export function runtime(parts: Partial<Runtime> = {}): Runtime {
  checkOptions('runtime', parts, { clock: true, random: true, ids: true, observe: true, baggage: true, reached: true });
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
