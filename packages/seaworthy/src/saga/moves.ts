import type { Store } from '../store/store.ts';
import { advance, type Change, type Instance } from './journal.ts';

/** One transition of one instance: from what its owner saw to what `change` makes of it. */
export interface Move {
  readonly instance: Instance;
  readonly plan: string;
  readonly change: Change;
  readonly now: number;
}

/** Writes the transitions of one engine: those that are asked for while another transaction runs share the next one. */
export interface Moves {
  /** The instance once that is committed; `undefined` when `advance` refused it. Rejects as `transaction` does, for itself alone. */
  write(move: Move): Promise<Instance | undefined>;
}

interface Asked extends Move {
  resolve(written: Instance | undefined): void;
  reject(error: unknown): void;
}

export function moves(store: Store<unknown, unknown>): Moves {
  const waiting: Asked[] = [];
  let running = false;

  async function commit(given?: readonly Asked[]): Promise<void> {
    // Whoever comes before it has its turn is part of it; a second run has the same ones.
    let taken = given;
    const together = (): readonly Asked[] => {
      taken ??= waiting.splice(0);
      return taken;
    };
    try {
      const written = await store.transaction(async (tx) => {
        const own = store.sql(tx);
        const all: (Instance | undefined)[] = [];
        for (const { instance, plan, change, now } of together()) all.push(await advance(own, instance, plan, change, now));
        return all;
      });
      for (const [index, { resolve }] of together().entries()) resolve(written[index]);
    } catch (error) {
      const [first, ...others] = together();
      // Whose fault it is shows when each is alone. What was committed unheard of has moved on, and is refused.
      if (others.length > 0) await Promise.all(together().map((one) => commit([one])));
      else first?.reject(error);
    }
  }

  async function run(): Promise<void> {
    running = true;
    while (waiting.length > 0) await commit();
    running = false;
  }

  return {
    write: (move) =>
      new Promise((resolve, reject) => {
        waiting.push({ ...move, resolve, reject });
        if (!running) run();
      }),
  };
}
