import type { Alone } from '../outbox/suspects.ts';
import type { Store } from '../store/store.ts';
import type { Worker } from '../store/worker.ts';
import type { Direction } from './lanes.ts';

/**
 * Whether an instance may be what kills its processes. One death blames all that the process had in hand; what was in hand at two is
 * run alone, so that the next death says which one it was.
 */
export const isSuspect = (crashes: number): boolean => crashes >= 2;

/** An instance that may be what kills its processes, and how many of them died while they had it in hand. */
export interface Suspect {
  readonly id: string;
  readonly direction: Direction;
  readonly crashes: number;
}

/**
 * The suspects of one engine. They are run one at a time, while no other suspect of the process is; those with the fewest deaths first,
 * so that the innocent do not wait for the culprit.
 */
export interface Suspects {
  /** How many wait for their run, or are run. */
  readonly size: number;
  /** Whether it waits for its run. */
  has(id: string): boolean;
  add(suspect: Suspect): void;
  /** Resolves once none is run any more; to be called once `closing` has aborted. */
  close(): Promise<void>;
}

export interface SuspectsParts {
  readonly alone: Alone;
  readonly closing: AbortSignal;
  /** Begins its run at once. Resolves once that is over. */
  readonly run: (suspect: Suspect) => Promise<void>;
}

export function suspects({ alone, closing, run }: SuspectsParts): Suspects {
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

/**
 * Writes the death of this process into the row before it runs the instance, so that it counts if it comes. Returns what was written;
 * `undefined` when another worker has the instance.
 */
export const writeDeath = (store: Store<unknown, unknown>, worker: Worker, id: string): Promise<number | undefined> =>
  store.transaction(async (tx) => {
    const own = store.sql(tx);
    const [row] = await own.all('select crashes from sw_saga where id = ? and owner = ?', id, worker.id);
    if (!row) return undefined;
    const crashes = Number(row['crashes']) + 1;
    await own.run('update sw_saga set crashes = ? where id = ?', crashes, id);
    return crashes;
  });

/** Takes the death back once the run is over and the process lives. A run that came to a transition has done so already. */
export async function takeDeathBack(store: Store<unknown, unknown>, worker: Worker, id: string, crashes: number): Promise<void> {
  const own = 'where id = ? and owner = ? and crashes = ?';
  await store.transaction((tx) => store.sql(tx).run(`update sw_saga set crashes = crashes - 1 ${own}`, id, worker.id, crashes));
}
