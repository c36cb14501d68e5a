import type { AnySaga } from './saga.ts';

/** The instances of one saga that go the same way. */
export interface Direction {
  readonly saga: string;
  /** They are undone, or are to be stopped. */
  readonly back: boolean;
}

/** Of an instance, or of its row. */
export const directionOf = ({ name, state, stopping }: { readonly [K in 'name' | 'state' | 'stopping']: unknown }): Direction => ({
  saga: String(name),
  back: state === 'undoing' || (stopping !== undefined && stopping !== null),
});

/** Who may work now, and who comes next: so that those of one saga that hang hold up neither another saga nor their own undos. */
export interface Lanes {
  /** At work. */
  readonly active: number;
  /** Whether it waits for its turn or is at work. */
  has(id: string): boolean;
  /** How many of a saga wait for their turn. */
  waiting(saga: string): number;
  /** It waits behind the others of its direction, unless it does so already or is at work. */
  add(id: string, direction: Direction): void;
  /** The one whose turn it is, if there is room for it; it is at work until `leave`. */
  next(): { readonly id: string; readonly direction: Direction } | undefined;
  leave(id: string): void;
}

interface Kind {
  readonly limit: number;
  active: number;
}

interface Lane {
  readonly kind: Kind;
  readonly direction: Direction;
  /** So many may work whatever the others do. */
  readonly share: number;
  readonly waiting: Set<string>;
  active: number;
}

/**
 * Of `concurrency` instances at work each direction of each saga has an equal share of one half for itself; the other half, and what
 * rounding leaves, goes to whoever comes first. Directions that wait take turns. When there is not more room than one for each
 * direction, nobody has a share.
 */
export function lanes(sagas: Iterable<AnySaga>, concurrency: number): Lanes {
  const kinds = new Map<string, Kind>();
  for (const { name, concurrency: limit = concurrency } of sagas) kinds.set(name, { limit: Math.min(limit, concurrency), active: 0 });
  const directions = 2 * kinds.size;
  const share = concurrency > directions ? Math.max(1, Math.floor(concurrency / 2 / directions)) : 0;
  const all: Lane[] = [];
  const known = new Map<string, Lane>();
  const queued = new Map<string, Lane>();
  const working = new Map<string, Lane>();
  let common = concurrency;
  let turn = 0;

  for (const [saga, kind] of kinds) {
    for (const back of [false, true]) {
      const lane = { kind, direction: { saga, back }, share: Math.min(share, kind.limit), waiting: new Set<string>(), active: 0 };
      common -= lane.share;
      all.push(lane);
      known.set(`${saga} ${back}`, lane);
    }
  }

  const admits = ({ waiting, kind, active, share: own }: Lane): boolean =>
    waiting.size > 0 && kind.active < kind.limit && (active < own || common > 0);

  return {
    get active() {
      return working.size;
    },
    has: (id) => queued.has(id) || working.has(id),
    waiting: (saga) => all.reduce((sum, lane) => sum + (lane.direction.saga === saga ? lane.waiting.size : 0), 0),
    add(id, { saga, back }) {
      const lane = known.get(`${saga} ${back}`);
      const before = queued.get(id);
      if (!lane || before === lane || working.has(id)) return;
      before?.waiting.delete(id);
      queued.set(id, lane);
      lane.waiting.add(id);
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
        lane.kind.active++;
        return { id, direction: lane.direction };
      }
      return undefined;
    },
    leave(id) {
      const lane = working.get(id);
      if (!lane) return;
      working.delete(id);
      lane.active--;
      lane.kind.active--;
      if (lane.active >= lane.share) common++;
    },
  };
}
