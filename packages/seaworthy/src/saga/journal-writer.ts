import { fenced } from '../store/fenced.ts';
import type { Store } from '../store/store.ts';
import type { Instance } from './instance.ts';
import { transitionOf } from './saga-store.ts';

/** One transition of one instance: from what its owner saw to what the machine makes of it. */
export interface Transition {
  readonly seen: Instance;
  readonly after: Instance;
}

/** Writes the transitions of one engine. Transitions that are requested while a transaction runs share the next one. */
export interface JournalWriter {
  /**
   * Resolves with the instance once the transition is committed, or with `undefined` when the row was no longer as it was seen. Rejects as
   * `transaction` does, for this transition alone.
   */
  write(transition: Transition): Promise<Instance | undefined>;
}

interface Request extends Transition {
  resolve(written: Instance | undefined): void;
  reject(error: unknown): void;
}

/** Makes the journal writer of one engine. */
export function journalWriter(store: Store<unknown, unknown>): JournalWriter {
  const waiting: Request[] = [];
  let running = false;

  async function commit(given?: readonly Request[]): Promise<void> {
    // Requests that come before the transaction has its turn are part of it; a repeated run has the same ones.
    let taken = given;
    const together = (): readonly Request[] => {
      taken ??= waiting.splice(0);
      return taken;
    };
    try {
      const moves = await store.transaction(async (tx) => {
        const sql = store.sql(tx);
        return together().map(({ seen, after }) => {
          const { statement, written } = transitionOf(seen, after);
          return { written, changed: sql.runAtCommit(...statement) };
        });
      }, fenced);
      for (const [index, { resolve }] of together().entries()) {
        const move = moves[index];
        resolve(move?.changed.changes ? move.written : undefined);
      }
    } catch (error) {
      const [first, ...others] = together();
      // Alone, each shows whether it was the one that failed. A transition whose commit was not reported has changed its row, and is refused.
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
    write: (transition) =>
      new Promise((resolve, reject) => {
        waiting.push({ ...transition, resolve, reject });
        if (!running) run();
      }),
  };
}
