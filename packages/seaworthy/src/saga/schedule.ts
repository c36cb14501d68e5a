import type { Alone } from '../outbox/suspects.ts';
import type { AnySaga } from './definition.ts';
import type { Summary } from './saga-store.ts';

/** The instances of one saga that go the same way. */
export interface Direction {
  readonly saga: string;
  /** Whether they are undone, or are to be stopped. */
  readonly back: boolean;
}

/** Returns the name of a direction. */
export const laneOf = ({ saga, back }: Direction): string => `${saga} ${back}`;

/** Returns the direction of an instance, or of its row. */
export const directionOf = ({ name, state, stopping }: Pick<Summary, 'name' | 'state'> & { readonly stopping: unknown }): Direction => ({
  saga: name,
  back: state === 'undoing' || Boolean(stopping),
});

/** Decides which instance runs next, so that hanging instances of one saga hold up neither another saga nor their own undos. */
export interface Lanes {
  /** How many instances run. */
  readonly active: number;
  /** Returns whether an instance waits for its turn or runs. */
  has(id: string): boolean;
  /** Returns how many instances of a saga wait for their turn. */
  waiting(saga: string): number;
  /**
   * Adds an instance behind the others of its direction, unless it waits there already or runs. Returns false when too many wait there: it
   * is not added.
   */
  add(id: string, direction: Direction): boolean;
  /** Returns the next instance, if there is room for it. The instance holds its room until `leave`. */
  next(): { readonly id: string; readonly direction: Direction } | undefined;
  /** Gives the room of an instance back. */
  leave(id: string): void;
}

/** How many instances of one saga run, and how many may. */
interface Usage {
  readonly limit: number;
  active: number;
}

interface Lane {
  readonly usage: Usage;
  readonly direction: Direction;
  /** How many instances may run whatever the other lanes do. */
  readonly share: number;
  readonly waiting: Set<string>;
  active: number;
}

/**
 * Makes the lanes of one engine. Half of the room for `concurrency` instances is shared equally, one share for each direction of each saga. The other half, and what
 * rounding leaves, goes to the instances that come first. Directions that wait take turns. When there is not more room than one for each
 * direction, there are no shares. Up to `most` instances of each direction wait.
 */
export function lanes(sagas: Iterable<AnySaga>, concurrency: number, most: number): Lanes {
  const usages = new Map<string, Usage>();
  for (const { name, concurrency: limit = concurrency } of sagas) usages.set(name, { limit: Math.min(limit, concurrency), active: 0 });
  const directions = 2 * usages.size;
  const share = concurrency > directions ? Math.max(1, Math.floor(concurrency / 2 / directions)) : 0;
  const all: Lane[] = [];
  const known = new Map<string, Lane>();
  const queued = new Map<string, Lane>();
  const working = new Map<string, Lane>();
  let common = concurrency;
  let turn = 0;

  for (const [saga, usage] of usages) {
    for (const back of [false, true]) {
      const lane = { usage, direction: { saga, back }, share: Math.min(share, usage.limit), waiting: new Set<string>(), active: 0 };
      common -= lane.share;
      all.push(lane);
      known.set(laneOf(lane.direction), lane);
    }
  }

  const admits = ({ waiting, usage, active, share: least }: Lane): boolean =>
    waiting.size > 0 && usage.active < usage.limit && (active < least || common > 0);

  return {
    get active() {
      return working.size;
    },
    has: (id) => queued.has(id) || working.has(id),
    waiting: (saga) => all.reduce((sum, lane) => sum + (lane.direction.saga === saga ? lane.waiting.size : 0), 0),
    add(id, direction) {
      const lane = known.get(laneOf(direction));
      const before = queued.get(id);
      if (!lane || before === lane || working.has(id)) return true;
      before?.waiting.delete(id);
      queued.delete(id);
      if (lane.waiting.size >= most) return false;
      queued.set(id, lane);
      lane.waiting.add(id);
      return true;
    },
    next() {
      for (let tried = 0; tried < all.length; tried++) {
        const lane = all[turn++ % all.length] as Lane;
        if (!admits(lane)) continue;
        const [id] = lane.waiting as Iterable<string> as [string];
        lane.waiting.delete(id);
        queued.delete(id);
        working.set(id, lane);
        if (lane.active >= lane.share) common--;
        lane.active++;
        lane.usage.active++;
        return { id, direction: lane.direction };
      }
      return undefined;
    },
    leave(id) {
      const lane = working.get(id);
      if (!lane) return;
      working.delete(id);
      lane.active--;
      lane.usage.active--;
      if (lane.active >= lane.share) common++;
    },
  };
}

/** Room in memory for a number of bytes. Callers that find none wait in the order of their calls; what is larger than the whole room enters alone. */
export interface Room {
  /** Resolves with a function that gives the bytes back, once there is room for them, or once `signal` aborts. */
  take(bytes: number, signal: AbortSignal): Promise<() => void>;
}

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

/** Makes room for `most` bytes. */
export function room(most: number): Room {
  const queue = new Set<Waiting>();
  let taken = 0;

  function admit(): void {
    for (const one of queue) {
      if (taken > 0 && taken + one.bytes > most) return;
      one.enter();
    }
  }

  return {
    take(bytes, signal) {
      const { promise, resolve } = Promise.withResolvers<() => void>();
      let inside = true;
      function leave(): void {
        if (inside) taken -= bytes;
        inside = false;
        admit();
      }
      function enter(): void {
        queue.delete(one);
        signal.removeEventListener('abort', enter);
        taken += bytes;
        resolve(leave);
      }
      const one = { bytes, enter };
      queue.add(one);
      signal.addEventListener('abort', enter, { once: true });
      if (signal.aborted) enter();
      admit();
      return promise;
    },
  };
}

/**
 * The number of deaths from which on an instance may be what kills its processes. One death puts all under suspicion that the process
 * had in flight; an instance that was in flight at two deaths runs alone, so that the next death shows which one it was.
 */
export const suspectFrom = 2;
/** Returns whether an instance with so many deaths is a suspect. */
export const isSuspect = (crashes: number): boolean => crashes >= suspectFrom;

/** An instance that may be what kills its processes, and how many of them died while they had it in flight. */
export interface Suspect {
  readonly id: string;
  readonly direction: Direction;
  readonly crashes: number;
}

/**
 * The suspects of one engine. They run one at a time, while no other suspect of the process runs. Those with the fewest deaths run first,
 * so that the culprit is the last one.
 */
export interface Suspects {
  /** How many suspects wait for their run, or run. */
  readonly size: number;
  /** Returns whether an instance waits for its run. */
  has(id: string): boolean;
  /** Adds a suspect, which runs once its turn comes. */
  add(suspect: Suspect): void;
  /** Resolves once no suspect runs any more. Call it once `closing` has aborted. */
  close(): Promise<void>;
}

export interface SuspectsDeps {
  readonly alone: Alone;
  readonly closing: AbortSignal;
  /** Starts a run at once. Resolves once it is over. */
  readonly run: (suspect: Suspect) => Promise<void>;
}

/** Makes the suspects of one engine. */
export function suspects({ alone, closing, run }: SuspectsDeps): Suspects {
  const waiting = new Map<string, Suspect>();
  let serving: Promise<void> | undefined;
  let running = 0;

  async function serve(): Promise<void> {
    try {
      while (waiting.size > 0 && !closing.aborted) {
        const giveBack = await alone.take(closing);
        try {
          const next = [...waiting.values()].reduce((first, one) => (one.crashes < first.crashes ? one : first));
          waiting.delete(next.id);
          running = 1;
          await run(next);
        } finally {
          running = 0;
          giveBack();
        }
      }
    } catch (error) {
      if (!closing.aborted) throw error;
    } finally {
      serving = undefined;
    }
  }

  return {
    get size() {
      return waiting.size + running;
    },
    has: (id) => waiting.has(id),
    add(suspect) {
      waiting.set(suspect.id, suspect);
      serving ??= serve();
    },
    close: async () => serving,
  };
}
