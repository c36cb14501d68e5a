import type { Clock } from './clock.ts';

/** Resolves after `ms`; rejects with the signal's reason at once when it aborts. Leaves no timer or listener behind. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal, options?: { readonly background?: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = clock.after(
      ms,
      () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      },
      options,
    );
    const abort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}
