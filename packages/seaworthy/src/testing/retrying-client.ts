import { Failure, reply } from '../client/call.ts';
import type { Caller } from '../client/caller.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';

/** Wraps a caller: it repeats each call under one key until the call is answered, with an output or a declared error. */
export function retryingClient(call: Caller, { clock, random, ids }: Runtime, trace: (line: string) => void): Caller {
  const definite = (error: unknown): boolean =>
    error instanceof Failure || (error instanceof SeaworthyError && ['invalid', 'not_found', 'mismatch'].includes(error.kind));
  return (operation, input, options = {}) => {
    const key = options.key ?? ids.next();
    async function repeat(): Promise<never> {
      for (;;) {
        try {
          return (await call(operation, input, { ...options, key })) as never;
        } catch (error) {
          trace(`the client got ${String(error)}`);
          if (definite(error) || options.signal?.aborted) throw error;
          await sleep(clock, 100 + random.next() * 900, options.signal);
        }
      }
    }
    return reply(repeat(), operation.errors as object);
  };
}
