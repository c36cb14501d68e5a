import { type Loop, loop } from '../core/loop.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Store, Tx } from '../store/store.ts';

/** A kind of rows that are deleted once they are old. */
export interface Retained {
  /** How long a row is kept, in milliseconds. */
  readonly ms: number;
  /** Deletes up to `limit` rows older than `before`. Returns how many. */
  readonly forget: (tx: Tx, before: number, limit: number) => Promise<number>;
}

const everyMs = 300_000;
const batch = 1000;

/** Deletes rows that have reached their age, every five minutes and in small transactions, until it is closed. */
export function retention(store: Store<unknown, unknown>, runtime: Runtime, all: readonly Retained[]): Loop {
  async function turn(closing: AbortSignal): Promise<number> {
    for (const { ms, forget } of all) {
      const some = (): Promise<number> => store.transaction((tx) => forget(store.sql(tx), runtime.clock.now() - ms, batch));
      while (!closing.aborted && (await some()) === batch);
    }
    return everyMs;
  }
  return loop({ runtime, name: 'retention', turn, delayMs: everyMs, backoff: { baseMs: 1000, capMs: 60_000, jitter: 'full' } });
}
