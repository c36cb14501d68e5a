import type { Runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';

/** SQLite's primary result code (https://sqlite.org/rescode.html); node:sqlite gives the extended one. */
export function resultCode(error: unknown): number | undefined {
  const { errcode, cause } = error as { errcode?: unknown; cause?: unknown };
  if (typeof errcode === 'number') return errcode & 0xff;
  return cause instanceof Error ? resultCode(cause) : undefined;
}

/** Whether another process has the lock, or recovers the file after a crash. */
export const isBusy = (error: unknown): boolean => resultCode(error) === 5;
/** Whether a constraint was violated. From a COMMIT, it is a deferred one. */
export const isConstraint = (error: unknown): boolean => resultCode(error) === 19;

export interface Patience {
  readonly service: string;
  readonly runtime: Runtime;
  /** Called before each further attempt. */
  readonly until: () => boolean;
}

/** Retries until the lock is free, without blocking the event loop. Once `until` returns true, it throws the error of the last attempt. */
export async function retryWhileBusy<T>(what: () => T, { service, runtime, until }: Patience): Promise<T> {
  for (let round = 0; ; round++) {
    try {
      return what();
    } catch (error) {
      if (!isBusy(error) || until()) throw error;
      runtime.observe.count('seaworthy_store_busy_total', { service });
      await sleep(runtime.clock, Math.min(50, 1 + round) * (0.5 + runtime.random.next()));
    }
  }
}
