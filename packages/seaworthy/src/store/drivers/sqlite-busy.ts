import type { Runtime } from '../../core/runtime.ts';
import { sleep } from '../../core/sleep.ts';
import { StatementFailed } from '../errors.ts';

/** SQLite's extended result code (https://sqlite.org/rescode.html). */
function extendedCode(error: unknown): number | undefined {
  const { errcode, cause } = error as { errcode?: unknown; cause?: unknown };
  if (typeof errcode === 'number') return errcode;
  return cause instanceof Error ? extendedCode(cause) : undefined;
}

/** SQLite's primary result code. */
export function resultCode(error: unknown): number | undefined {
  const code = extendedCode(error);
  return code === undefined ? undefined : code & 0xff;
}

/** Whether another process has the lock, or recovers the file after a crash. */
export const isBusy = (error: unknown): boolean => resultCode(error) === 5;
/** Whether a constraint was violated. From a COMMIT, it is a deferred one. */
export const isConstraint = (error: unknown): boolean => resultCode(error) === 19;

const uniqueCodes: ReadonlySet<unknown> = new Set([1555, 2067, 2579]);
/** Whether a primary key, a unique constraint or a rowid was violated. */
export const isUnique = (error: unknown): boolean => uniqueCodes.has(extendedCode(error));

/** The error of a commit that a deferred constraint refused: it is a fault of the transaction, which would be refused again. */
export const refusedCommit = (service: string, cause: unknown): StatementFailed =>
  new StatementFailed(`the commit of ${service} was refused (${(cause as Error).message}): nothing of it is left`, { cause });

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
